"""Tests of crash-safe writes."""

import os
import stat
from pathlib import Path

import pytest

from engine.core.atomic_write import append_line, remove_temporary_files, saving, write_atomic, write_text_atomic
from engine.core.errors import EngineError


def test_a_failed_write_leaves_the_old_file_and_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text_atomic(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        write_atomic(path, fail)
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_atomic_write_sets_the_usual_permissions(tmp_path: Path) -> None:
    usual, atomic = tmp_path / "usual", tmp_path / "atomic"
    usual.write_text("x")
    write_text_atomic(atomic, "x")
    assert stat.S_IMODE(atomic.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


@pytest.mark.parametrize(
    ("before", "after"), [(b"", b"new\n"), (b"old\n", b"old\nnew\n"), (b"old\nto", b"old\nto\nnew\n")]
)
def test_an_appended_line_is_not_joined_to_an_incomplete_one(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(before)
    append_line(path, "new")
    assert path.read_bytes() == after


def test_a_line_that_a_full_disk_truncates_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    append_line(path, "old")
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: real(descriptor, content[:2]))
    with pytest.raises(OSError, match="No space left"):
        append_line(path, "new")
    assert path.read_bytes() == b"old\n"


def test_only_temporary_files_of_a_crashed_write_are_removed(tmp_path: Path) -> None:
    for name in (".model-0123abcd.safetensors", ".log-0123abcd", "model.safetensors", ".lock", ".my-notes.txt"):
        (tmp_path / name).write_bytes(b"")
    remove_temporary_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - {"home"} == {"model.safetensors", ".lock", ".my-notes.txt"}


def test_a_disk_error_becomes_a_sentence_with_the_path(tmp_path: Path) -> None:
    with (
        pytest.raises(EngineError, match="The table could not be saved: No such file") as caught,
        saving("The table", tmp_path),
    ):
        (tmp_path / "none" / "table.csv").write_text("")
    assert caught.value.path == tmp_path
