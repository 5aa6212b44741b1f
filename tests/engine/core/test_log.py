"""Tests of engine.core.log."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core import log
from engine.core.log import log_to_file, log_to_rotating_file

WRITER = """
import logging, sys
from pathlib import Path
from engine.core import log
log._MAX_BYTES, log._NUM_OLD = 2000, 1000
log.log_to_rotating_file(Path(sys.argv[1]))
for number in range(1000):
    logging.getLogger("engine").info("%s writes %d", sys.argv[2], number)
"""


@pytest.fixture(autouse=True)
def handlers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("log.txt*") if path.suffix != ".lock")


def test_the_log_is_rotated_over_a_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_MAX_BYTES", 2000)
    log_to_rotating_file(tmp_path / "new" / "log.txt")
    for number in range(500):
        logging.getLogger("engine").info("Line %d", number)
    files = _files(tmp_path / "new")
    assert [path.name for path in files] == ["log.txt", "log.txt.1", "log.txt.2", "log.txt.3"]
    assert all(path.stat().st_size <= 2000 for path in files)
    assert "Line 499" in files[0].read_text("utf-8")


def test_two_programs_share_one_log_without_losing_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("one", "two")]
    assert [writer.wait() for writer in writers] == [0, 0]
    lines = [line for file in _files(tmp_path) for line in file.read_text("utf-8").splitlines()]
    assert all(" INFO engine: " in line and " writes " in line for line in lines)
    assert len(lines) == 2000
    assert {line.split()[4] for line in lines} == {"one", "two"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_only_loses_log_lines(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_rotating_file(Path("/dev/full"))
    logging.getLogger("engine").info("Lost")
    with log_to_file(Path("/dev/full")):
        pass
    assert capfd.readouterr() == ("", "")


def test_a_home_folder_that_cannot_be_created_only_loses_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    log_to_rotating_file(tmp_path / "file" / "log.txt")
    logging.getLogger("engine").info("Lost")
    assert capfd.readouterr() == ("", "")


def test_a_failed_run_writes_versions_and_traceback_to_its_log(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), log_to_file(tmp_path / "log.txt"):
        _ = 1 / 0
    text = (tmp_path / "log.txt").read_text("utf-8")
    assert "Classifold" in text
    assert "ZeroDivisionError" in text
    assert not any(value in text for name, value in os.environ.items() if "TOKEN" in name)


def test_the_log_file_is_closed_between_lines(tmp_path: Path) -> None:
    log_to_rotating_file(tmp_path / "log.txt")
    logging.getLogger("engine").info("Line")
    assert [handler.stream for handler in logging.getLogger().handlers if isinstance(handler, log._LogFile)] == [None]
