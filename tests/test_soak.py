"""The soak, so short that it runs with the other tests."""

import sys
from pathlib import Path

import pytest

from tests.soak import Sample, faults, soaked

GOOD = [Sample(step, 500 + step % 3, num_threads=4, num_files=9, num_jobs=1) for step in range(1, 101)]


@pytest.mark.slow
@pytest.mark.measures
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what a process holds is read from /proc")
@pytest.mark.qt_log_ignore("propagateSizeHints")
def test_a_few_runs_and_drops_leave_nothing_behind(tmp_path: Path) -> None:
    with soaked(tmp_path) as soak:
        for samples in (soak.train(4), soak.classify(150)):
            assert faults(samples) == []


def test_what_grows_is_found() -> None:
    assert faults(GOOD) == []
    for growing, words in (
        ([Sample(s.step, 500 + s.step, 4, 9, 1) for s in GOOD], "memory grew by 49.0 MB"),
        ([Sample(s.step, 500, 4 + s.step, 9, 1) for s in GOOD], "89 threads are left"),
        ([Sample(s.step, 500, 4, 9 + s.step, 1) for s in GOOD], "89 files are left open"),
        ([Sample(s.step, 500, 4, 9, 1 + s.step) for s in GOOD], "89 jobs are left alive"),
    ):
        (fault,) = faults(growing)
        assert words in fault
