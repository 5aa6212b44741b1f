"""Short fuzz tests, and tests of the fuzz test itself."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="this system does not report the memory of a process")

from tests import fuzz


def test_damaged_images_are_read_or_refused_within_time_and_memory_limits() -> None:
    report = fuzz.fuzz("images", 0, 300)
    assert not report.failures
    assert report.outcomes["read"] > 50
    assert report.outcomes["refused"] > 50


@pytest.mark.slow
@pytest.mark.measures
def test_damaged_models_weights_and_checkpoints_are_read_or_refused_within_time_and_memory_limits() -> None:
    report = fuzz.fuzz("models", 0, 300)
    assert not report.failures
    assert report.outcomes["read"] > 30
    assert report.outcomes["refused"] > 100


@pytest.mark.slow
@pytest.mark.measures
def test_thousands_of_damaged_images_are_read_or_refused_within_time_and_memory_limits() -> None:
    assert not fuzz.fuzz("images", 1000, 2000).failures


def test_every_kind_of_failure_is_reported_with_its_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaking.py").write_text(
        "import os\n"
        "MAX_MEMORY = 1000\n"
        "def suffix(seed): return '.jpg'\n"
        "def damaged_file(seed): return b'x'\n"
        "def open_file(path):\n"
        "    global seed\n"
        "    seed = globals().get('seed', -1) + 1\n"
        "    if seed == 1: raise ValueError('a bug')\n"
        "    if seed == 2: os.abort()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(fuzz.KINDS, "breaking", "breaking")
    report = fuzz.fuzz("breaking", 0, 4)
    sys.modules.pop("breaking")
    assert report.failures == [
        "seed 1 raised ValueError('a bug')",
        "seed 2 ended the process (-6)",
        "peak memory is over 0 MB",
    ]
    assert dict(report.outcomes) == {"read": 2, "crashed": 1, "died": 1}
    assert str(report).startswith("4 files: 1 crashed, 1 died, 2 read, 3 failures")
