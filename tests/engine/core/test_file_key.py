"""Tests of the keys by which caches recognise unchanged files."""

import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.core.file_key import file_key

SECOND = 10**9


def _write(path: Path, text: str = "a", modified: int = 5 * SECOND + 1) -> Path:
    path.write_text(text)
    os.utime(path, ns=(modified, modified))
    return path


def test_an_unchanged_file_keeps_its_key_and_a_changed_one_does_not(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.png")
    key = file_key(tmp_path, "a.png")
    assert file_key(tmp_path, "a.png") == key
    _write(path, "longer")
    assert file_key(tmp_path, "a.png") != key
    _write(path, "b", modified=6 * SECOND + 1)
    assert file_key(tmp_path, "a.png") != key


def test_the_size_is_the_second_number(tmp_path: Path) -> None:
    _write(tmp_path / "a.png", "12345")
    assert file_key(tmp_path, "a.png")[1] == 5


@pytest.mark.parametrize("inode", [0, 7])
def test_files_with_the_same_inode_size_and_time_have_different_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inode: int
) -> None:
    for name in ("a.png", "b.png"):
        _write(tmp_path / name, name)
    stat = Path.stat

    def without_inode(path: Path, **options: bool) -> object:  # as on FAT, SMB and WebDAV
        status = stat(path, **options)
        return SimpleNamespace(st_ino=inode, st_size=status.st_size, st_mtime_ns=status.st_mtime_ns)

    monkeypatch.setattr(Path, "stat", without_inode)
    assert file_key(tmp_path, "a.png") != file_key(tmp_path, "b.png")
    assert file_key(tmp_path, "a.png") == file_key(tmp_path, "a.png")


def test_files_that_swap_their_names_have_other_keys(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        _write(tmp_path / name, name)
    before = file_key(tmp_path, "a.png")
    for source, target in (("a.png", "c.png"), ("b.png", "a.png"), ("c.png", "b.png")):
        shutil.move(tmp_path / source, tmp_path / target)
    assert file_key(tmp_path, "a.png") != before


@pytest.mark.parametrize(
    ("step", "age", "is_stable"),
    [(2 * SECOND, SECOND, False), (2 * SECOND, 3 * SECOND, True), (SECOND, SECOND // 2, False), (1, 1000, True)],
    ids=["FAT", "FAT, older", "whole seconds", "nanoseconds"],
)
def test_a_file_that_may_change_without_another_time_is_not_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, age: int, is_stable: bool
) -> None:
    modified = 10**18 + (3 if step == 1 else step)
    clock = iter([modified + age, modified + age + 10])
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    _write(tmp_path / "a.png", modified=modified)
    assert (file_key(tmp_path, "a.png") == file_key(tmp_path, "a.png")) == is_stable


def test_a_missing_file_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_key(tmp_path, "none.png")
