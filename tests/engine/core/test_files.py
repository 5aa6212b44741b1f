"""Tests of file names and atomic writes."""

import os
import stat
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.core.files import (
    append_line,
    is_hidden,
    is_image_name,
    remove_leftovers,
    saving,
    unique_path,
    write_atomic,
    write_text_atomic,
)


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


@pytest.mark.parametrize(
    ("before", "after"), [(b"", b"new\n"), (b"old\n", b"old\nnew\n"), (b"old\nto", b"old\nto\nnew\n")]
)
def test_a_line_is_never_glued_to_one_that_was_torn(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(before)
    append_line(path, "new")
    assert path.read_bytes() == after


def test_a_line_that_a_full_disk_takes_half_of_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    append_line(path, "old")
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: real(descriptor, content[:2]))
    with pytest.raises(OSError, match="No space left"):
        append_line(path, "new")
    assert path.read_bytes() == b"old\n"


def test_what_a_crash_leaves_of_a_write_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    for name in (".model-0123abcd.safetensors", ".log-0123abcd", "model.safetensors", ".lock", ".my-notes.txt"):
        (tmp_path / name).write_bytes(b"")
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - {"home"} == {"model.safetensors", ".lock", ".my-notes.txt"}


def test_what_the_disk_refuses_is_a_sentence_that_says_what_and_where(tmp_path: Path) -> None:
    with (
        pytest.raises(EngineError, match="The table could not be saved: No such file") as caught,
        saving("The table", tmp_path),
    ):
        (tmp_path / "none" / "table.csv").write_text("")
    assert caught.value.path == tmp_path
