"""Tests of file names and atomic writes."""

import stat
from pathlib import Path

import pytest

from engine.files import is_hidden, is_image_name, unique_path, write_atomic, write_text_atomic


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text_atomic(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        write_atomic(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_can_be_read_by_others_as_any_file(tmp_path: Path) -> None:
    plain, atomic = tmp_path / "plain", tmp_path / "atomic"
    plain.write_text("x")
    write_text_atomic(atomic, "x")
    assert stat.S_IMODE(atomic.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_path_that_is_taken_gets_the_next_number(tmp_path: Path) -> None:
    assert unique_path(tmp_path / "run") == tmp_path / "run"
    (tmp_path / "run").mkdir()
    (tmp_path / "run-2").mkdir()
    assert unique_path(tmp_path / "run") == tmp_path / "run-3"


@pytest.mark.parametrize("name", ["a.jpg", "B.JPEG", "c.HeIc", "d.webp", "ü 测试.png"])
def test_image_suffixes_count_in_any_case(name: str) -> None:
    assert is_image_name(name)


@pytest.mark.parametrize("name", [".a.jpg", "a.txt", "jpg", "a.jpg.part", "Thumbs.db"])
def test_other_files_are_no_images(name: str) -> None:
    assert not is_image_name(name)


@pytest.mark.parametrize("name", [".git", "__MACOSX", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini"])
def test_what_systems_leave_behind_is_hidden(name: str) -> None:
    assert is_hidden(name)
