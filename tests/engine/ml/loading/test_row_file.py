"""Tests of the memory-mapped row file: concurrent processes, order of flushes, eviction."""

import multiprocessing
import os
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from engine.core import atomic_write, cache
from engine.core.cache import cache_folder, reserve_space
from engine.ml.loading import row_file
from engine.ml.loading.row_file import RowFile

NUM_ROWS, ROW_BYTES, NUM_ROUNDS = 64, 300, 30


@pytest.fixture
def path() -> Path:
    return cache_folder() / "images-1.cache"


def _fill(file: RowFile, rows: range) -> None:
    aspects = np.zeros(NUM_ROWS, np.float32)
    for row in rows:
        file.rows[row] = 1 + row
        aspects[row] = 1.5
    file.publish(aspects)


def _assert_filled_rows_are_right(file: RowFile) -> int:
    """Return the number of filled rows."""
    (filled,) = np.nonzero(file.read_aspects())
    for row in filled:
        assert (file.rows[row] == 1 + row).all()
    return len(filled)


def test_rows_are_filled_in_the_next_process_once_they_were_published(path: Path) -> None:
    file = RowFile(path, NUM_ROWS, ROW_BYTES)
    file.rows[0] = 1
    assert not RowFile(path, NUM_ROWS, ROW_BYTES).read_aspects().any()
    _fill(file, range(5))
    again = RowFile(path, NUM_ROWS, ROW_BYTES)
    assert _assert_filled_rows_are_right(again) == 5
    _fill(again, range(5, 9))
    assert _assert_filled_rows_are_right(file) == 9


def _work_beside(number: int, folder: Path, barrier: Barrier) -> None:
    for round_number in range(NUM_ROUNDS):
        barrier.wait()
        file = RowFile(folder / f"{round_number}.cache", NUM_ROWS, ROW_BYTES)
        _assert_filled_rows_are_right(file)
        _fill(file, range(number, NUM_ROWS, 2))
        _assert_filled_rows_are_right(file)


def test_two_processes_that_begin_together_share_one_file_and_take_no_empty_row(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2, timeout=120)
    processes = [context.Process(target=_work_beside, args=(number, path.parent, barrier)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    files = [RowFile(path.parent / f"{number}.cache", NUM_ROWS, ROW_BYTES) for number in range(NUM_ROUNDS)]
    assert [_assert_filled_rows_are_right(file) for file in files] == [NUM_ROWS] * NUM_ROUNDS


def test_a_process_that_was_faster_keeps_its_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill, faster = row_file._fill, []

    def fill_late(temporary: Path, num_bytes: int) -> None:
        monkeypatch.setattr(row_file, "_fill", fill)
        faster.append(RowFile(path, NUM_ROWS, ROW_BYTES))
        _fill(faster[0], range(4))
        fill(temporary, num_bytes)

    monkeypatch.setattr(row_file, "_fill", fill_late)
    file = RowFile(path, NUM_ROWS, ROW_BYTES)
    assert _assert_filled_rows_are_right(file) == 4
    assert list(path.parent.iterdir()) == [path]


def test_without_hard_links_a_file_that_is_replaced_has_no_filled_rows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "exists", lambda _: False)  # the other process creates the file at the last moment
    file = RowFile(path, NUM_ROWS, ROW_BYTES)
    path.unlink()
    replaced = RowFile(path, NUM_ROWS, ROW_BYTES)
    _fill(file, range(4))
    assert not RowFile(path, NUM_ROWS, ROW_BYTES).read_aspects().any()
    _fill(replaced, range(2))
    assert _assert_filled_rows_are_right(RowFile(path, NUM_ROWS, ROW_BYTES)) == 2


def test_rows_are_on_the_disk_before_they_count_as_filled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RowFile(path, NUM_ROWS, ROW_BYTES)
    flushes: list[tuple[str, bool]] = []

    class Map:
        def flush(self) -> None:
            flushes.append(("pages", bool(file.read_aspects().any())))

    monkeypatch.setattr(file, "_map", Map())
    monkeypatch.setattr(row_file, "sync_file", lambda _: flushes.append(("file", bool(file.read_aspects().any()))))
    _fill(file, range(3))
    assert flushes == [("pages", False), ("file", False), ("pages", True), ("file", True)]


def test_a_file_that_exists_is_used_without_deleting_others_or_itself(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(RowFile(path, NUM_ROWS, ROW_BYTES), range(3))
    num_bytes = path.stat().st_size
    other = path.with_name("other")
    other.write_bytes(b"x" * (num_bytes // 2))
    os.utime(path, (0, 0))
    monkeypatch.setattr(cache, "MAX_CACHE_BYTES", int(1.6 * num_bytes))  # the file takes more than half of the limit
    for _ in range(2):
        assert _assert_filled_rows_are_right(RowFile(path, NUM_ROWS, ROW_BYTES)) == 3
    assert other.exists()
    assert path.stat().st_mtime > other.stat().st_mtime - 1  # it was marked as used


def test_a_file_that_is_deleted_while_it_is_used_stays_usable(path: Path) -> None:
    file = RowFile(path, NUM_ROWS, ROW_BYTES)
    path.unlink()
    _fill(file, range(3))
    assert _assert_filled_rows_are_right(file) == 3
    assert not RowFile(path, NUM_ROWS, ROW_BYTES).read_aspects().any()


def test_the_files_of_one_run_do_not_evict_each_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = RowFile(path, NUM_ROWS, ROW_BYTES)
    monkeypatch.setattr(cache, "MAX_CACHE_BYTES", int(1.6 * path.stat().st_size))
    with pytest.raises(OSError, match="space"):
        RowFile(path.with_name("second"), NUM_ROWS, ROW_BYTES)
    assert path.exists()
    del first
    assert reserve_space(1)


def test_a_file_of_another_size_is_replaced(path: Path) -> None:
    path.write_bytes(b"\1" * 100)
    assert not RowFile(path, NUM_ROWS, ROW_BYTES).read_aspects().any()


def test_aspect_ratios_that_no_image_has_do_not_count(path: Path) -> None:
    file = RowFile(path, NUM_ROWS, ROW_BYTES)
    file._aspects[:3] = (-1, np.nan, np.inf)
    assert not file.read_aspects().any()


def test_a_refused_flush_publishes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    file = RowFile(path, NUM_ROWS, ROW_BYTES)
    monkeypatch.setattr(row_file, "sync_file", refuse)
    with pytest.raises(OSError, match="Input"):
        _fill(file, range(3))
    assert not file.read_aspects().any()
    assert atomic_write.sync_file is not refuse
