"""Tests of the size limit of the cache folder."""

import os
import time
from pathlib import Path

import pytest

from engine.core import cache
from engine.core.atomic_write import temporary_path
from engine.core.cache import cache_folder, keep_while_alive, mark_used, reserve_space


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_CACHE_BYTES", 100)


def _write(name: str, age: float, num_bytes: int = 40) -> Path:
    path = cache_folder() / name
    path.write_bytes(b"x" * num_bytes)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_files_used_longest_ago_are_deleted_first() -> None:
    old, new = _write("old", 2000), _write("new", 1000)
    assert reserve_space(50)
    assert (old.exists(), new.exists()) == (False, True)
    assert not reserve_space(101)
    assert new.exists()


def test_a_file_that_is_used_becomes_the_last_one_to_be_deleted() -> None:
    first, second = _write("first", 2000), _write("second", 1000)
    mark_used(first)
    assert reserve_space(50)
    assert (first.exists(), second.exists()) == (True, False)


def test_a_file_in_use_is_not_deleted_until_its_owner_is_gone() -> None:
    class Owner:
        pass

    used, other = _write("used", 2000), _write("other", 1000)
    owner = Owner()
    keep_while_alive(used, owner)
    os.utime(used, (0, 0))
    assert reserve_space(50)
    assert (used.exists(), other.exists()) == (True, False)
    assert not reserve_space(70)
    del owner
    assert reserve_space(70)
    assert not used.exists()


def test_the_file_that_is_replaced_makes_room_for_the_new_one() -> None:
    replaced, other = _write("replaced", 2000, 60), _write("other", 1000)
    assert reserve_space(60, replaced)
    assert (replaced.exists(), other.exists()) == (True, True)


def test_a_file_that_cannot_be_deleted_stays_and_the_next_one_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    mapped, other = _write("mapped", 2000), _write("other", 1000)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == mapped:  # as Windows does for a file that another program has mapped
            raise PermissionError(13, "The file is being used by another process")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert reserve_space(50)
    assert (mapped.exists(), other.exists()) == (True, False)
    assert not reserve_space(70)


def test_a_file_that_another_process_deletes_meanwhile_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    _write("kept", 1000)
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([folder / "gone", folder / "kept"]))
    assert reserve_space(50)


def test_leftovers_of_killed_processes_are_deleted_but_not_files_that_are_being_written() -> None:
    leftover, young = (
        _write(temporary_path(cache_folder() / "images.cache").name, age) for age in (2 * cache._LEFTOVER_SECONDS, 1)
    )
    assert reserve_space(1)
    assert (leftover.exists(), young.exists()) == (False, True)
