"""Tests of crash-safe writes."""

import errno
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.core import atomic_write
from engine.core.atomic_write import (
    append_line,
    create_once,
    remove_temporary_files,
    saving,
    sync_file,
    write_atomic,
    write_text_atomic,
)
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


def test_a_file_is_created_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for text in ("first", "second"):
        create_once(path, lambda temporary, text=text: temporary.write_text(text))  # type: ignore[misc]
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("is_supported", [True, False])
def test_a_sync_on_macos_also_flushes_the_cache_of_the_drive_if_the_file_system_supports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_supported: bool
) -> None:
    calls: list[object] = []

    def control(_descriptor: int, command: int) -> int:
        calls.append(command)
        if not is_supported:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        return 0

    monkeypatch.setattr(atomic_write, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=control))
    monkeypatch.setattr(os, "fsync", lambda _: calls.append("fsync"))
    with open(tmp_path / "a", "wb") as file:
        sync_file(file.fileno())
    assert calls == [51] if is_supported else [51, "fsync"]


def test_a_system_without_fcntl_syncs_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(atomic_write, "fcntl", None)
    monkeypatch.setattr(os, "fsync", calls.append)
    with open(tmp_path / "a", "wb") as file:
        sync_file(file.fileno())
        assert calls == [file.fileno()]


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "Free some space or choose another folder."),
        (errno.ENAMETOOLONG, "Choose a shorter name."),
        (errno.EACCES, "Close the file in other programs, or choose another name."),
        (errno.EROFS, "Choose another folder."),
    ],
)
def test_the_advice_fits_the_error(tmp_path: Path, code: int, advice: str) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(EngineError) as caught, saving("The table", tmp_path / "a.csv"):
        raise OSError(code, os.strerror(code))
    assert caught.value.message == f"The table could not be saved: {os.strerror(code)}. {advice}"


def test_a_file_with_the_longest_possible_name_is_written(tmp_path: Path) -> None:
    write_text_atomic(tmp_path / f"{'x' * 250}.csv", "text")
    assert (tmp_path / f"{'x' * 250}.csv").read_text("utf-8") == "text"
