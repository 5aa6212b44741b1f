"""Tests of killing the process that sorts, with a real model."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.runs.run_folder import Run
from engine.sorting.undo import UNDO_NAME
from tests.images import write_classes


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["copy", "move", "link"])
@pytest.mark.parametrize("num_lines", [2, 150])
def test_undo_restores_every_byte_and_name_after_sorting_was_killed(
    tiny_run: Run, tmp_path: Path, mode: str, num_lines: int
) -> None:
    photos = write_classes(tmp_path / "photos", {"red": 150, "blue": 150}, seed=3)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in photos.rglob("*.*")}
    undo_path = tmp_path / "out" / UNDO_NAME
    command = ["sort", str(tiny_run.model_path), str(photos), "--mode", mode, "--out", str(tmp_path / "out")]
    process = subprocess.Popen([sys.executable, "-m", "engine", *command], stderr=subprocess.DEVNULL)
    while process.poll() is None and _num_lines(undo_path) < num_lines:
        pass
    process.kill()
    assert process.wait() != 0  # it had not finished
    undone = subprocess.Popen(
        [sys.executable, "-m", "engine", "sort", "--undo", str(undo_path)], stdout=subprocess.DEVNULL
    )
    while undone.poll() is None and (tmp_path / "out").exists() and num_lines > 100:
        if sum(path.exists() for path in before) > len(before) - 60:
            undone.kill()
    undone.wait()
    if undo_path.exists():
        run_to_end(jobs.undo_sort(undo_path))
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in photos.rglob("*.*")} == before
    assert not list((tmp_path / "out").rglob("*"))


def _num_lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0
