"""A short soak test, and tests of its limits."""

import sys
from pathlib import Path

import pytest

from tests.soak import Sample, find_leaks, soak_window

GOOD = [Sample(step, 500 + step % 3, num_threads=4, num_files=9, num_jobs=1) for step in range(1, 101)]


@pytest.mark.slow
@pytest.mark.measures
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.qt_log_ignore("propagateSizeHints")
def test_a_few_runs_and_predictions_leak_nothing(tmp_path: Path) -> None:
    with soak_window(tmp_path) as soak:
        for samples in (soak.train(4), soak.classify(150)):
            assert find_leaks(samples) == []


def test_growing_resources_are_reported() -> None:
    assert find_leaks(GOOD) == []
    for growing, message in (
        ([Sample(s.step, 500 + s.step, 4, 9, 1) for s in GOOD], "memory grew by 49.0 MB"),
        ([Sample(s.step, 500, 4 + s.step, 9, 1) for s in GOOD], "89 threads are left"),
        ([Sample(s.step, 500, 4, 9 + s.step, 1) for s in GOOD], "89 files are left open"),
        ([Sample(s.step, 500, 4, 9, 1 + s.step) for s in GOOD], "89 jobs are left alive"),
    ):
        (leak,) = find_leaks(growing)
        assert message in leak
