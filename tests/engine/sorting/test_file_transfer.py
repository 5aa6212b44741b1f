"""Tests of copying, moving and linking files on file systems of all kinds, which are simulated."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from engine.sorting import file_transfer
from engine.sorting.file_transfer import (
    LinksUnsupportedError,
    SourceError,
    TransferMode,
    has_same_content,
    is_about_file,
    remove_file,
    transfer_file,
)

MODES: tuple[TransferMode, ...] = get_args(TransferMode)
WITHOUT_LINKS = ("EXDEV", "EPERM", "EACCES", "EOPNOTSUPP", "ENOTSUP", "EMLINK", "ENOSYS", "EINVAL")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "a.jpg"
    path.parent.mkdir()
    path.write_bytes(b"image" * 1000)
    os.utime(path, ns=(10**18, 10**18 + 7))
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "a.jpg"


def _fail(
    monkeypatch: pytest.MonkeyPatch, name: str, code: int, applies: Callable[..., bool] = lambda *_: True
) -> None:
    """Let a function of os fail with an error code where `applies` is true of its arguments."""
    real = getattr(os, name)

    def fail(*args: Any, **options: Any) -> Any:
        if applies(*args):
            raise OSError(code, os.strerror(code), str(args[0]))
        return real(*args, **options)

    monkeypatch.setattr(os, name, fail)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", [getattr(errno, name) for name in WITHOUT_LINKS])
def test_files_are_transferred_on_file_systems_without_hard_links(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch, mode: TransferMode, code: int
) -> None:
    content, modified = image.read_bytes(), image.stat().st_mtime_ns
    _fail(monkeypatch, "link", code)
    transfer_file(image, target, mode)
    assert _names(target.parent) == ["a.jpg"]
    assert (target.read_bytes(), target.stat().st_mtime_ns) == (content, modified)
    assert image.exists() == (mode != "move")
    with pytest.raises(FileExistsError):
        transfer_file(target if mode == "move" else image, target, mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_read_only_image_is_transferred_with_its_mode(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch, mode: TransferMode
) -> None:
    image.chmod(0o444)
    _refuse_to_write_read_only_files(monkeypatch)
    transfer_file(image, target, mode)
    assert target.stat().st_mode & 0o777 == 0o444
    assert _names(target.parent) == ["a.jpg"]


def _refuse_to_write_read_only_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enforce the modes of files also for the superuser."""
    real_open = open

    def checked_open(path: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if set(mode) & set("wa+") and os.path.exists(path) and not os.stat(path).st_mode & 0o200:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real_open(path, mode, *args, **options)

    monkeypatch.setattr("builtins.open", checked_open)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("has_links", [True, False])
def test_a_name_as_long_as_file_systems_allow_is_transferred(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch, mode: TransferMode, has_links: bool
) -> None:
    if not has_links:
        _fail(monkeypatch, "link", errno.EXDEV)
    long_name = "x" * 251 + ".jpg"
    transfer_file(image.rename(image.with_name(long_name)), target.with_name(long_name), mode)
    assert _names(target.parent) == [long_name]


@pytest.mark.parametrize("has_links", [True, False])
def test_an_image_that_cannot_be_removed_keeps_one_name(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:
        _fail(monkeypatch, "link", errno.EXDEV)
    _fail(monkeypatch, "unlink", errno.EACCES, lambda path: Path(path) == image)
    with pytest.raises(SourceError) as caught:
        transfer_file(image, target, "move")
    assert is_about_file(caught.value, target.parent)
    assert image.exists()
    assert _names(target.parent) == []


def test_an_image_in_a_read_only_folder_is_not_copied_before_it_cannot_be_moved(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != image.parent and real(path, mode))
    monkeypatch.setattr(file_transfer, "_copy", lambda *_: pytest.fail("it was copied"))
    with pytest.raises(SourceError, match="read-only"):
        transfer_file(image, target, "move")


def test_on_windows_an_open_image_never_gets_a_second_name(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_transfer, "_RENAME_NEVER_OVERWRITES", True)
    _fail(monkeypatch, "rename", errno.EACCES)  # another program has opened it
    monkeypatch.setattr(os, "link", lambda *_, **__: pytest.fail("a second name was made"))
    with pytest.raises(PermissionError) as caught:
        transfer_file(image, target, "move")
    assert is_about_file(caught.value, target.parent)
    assert image.exists()
    assert not target.exists()


def test_on_windows_an_image_moves_to_another_drive(image: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_transfer, "_RENAME_NEVER_OVERWRITES", True)
    _fail(monkeypatch, "rename", errno.EXDEV)
    transfer_file(image, target, "move")
    assert not image.exists()
    assert _names(target.parent) == ["a.jpg"]


@pytest.mark.parametrize("has_other_name", [False, True])
def test_a_read_only_file_is_deleted_where_its_mode_protects_it(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch, has_other_name: bool
) -> None:
    if has_other_name:
        os.link(image, target)
    image.chmod(0o444)
    _fail(monkeypatch, "unlink", errno.EACCES, lambda path: not os.stat(path).st_mode & 0o200)
    remove_file(image, target)
    assert not image.exists()
    assert not has_other_name or target.stat().st_mode & 0o777 == 0o444


def test_a_read_only_file_that_cannot_be_deleted_stays_read_only(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image.chmod(0o444)
    _fail(monkeypatch, "unlink", errno.EACCES)
    with pytest.raises(PermissionError):
        remove_file(image)
    assert image.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_any_links_is_named(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    _fail(monkeypatch, "link", errno.EPERM)
    _fail(monkeypatch, "symlink", code)
    with pytest.raises(LinksUnsupportedError, match="has no links"):
        transfer_file(image, target, "link")


def test_a_missing_privilege_for_links_on_windows_is_named(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WindowsError(OSError):
        winerror = 1314

    def refuse(*_: object) -> None:
        raise WindowsError(errno.EINVAL, "A required privilege is not held by the client")

    _fail(monkeypatch, "link", errno.EXDEV)
    monkeypatch.setattr(os, "symlink", refuse)
    with pytest.raises(LinksUnsupportedError, match="developer mode") as caught:
        transfer_file(image, target, "link")
    assert "space" not in caught.value.message


def test_a_file_system_without_modes_times_and_attributes_gets_the_content(
    image: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail(monkeypatch, "utime", errno.EPERM)
    _fail(monkeypatch, "chmod", errno.EPERM)
    monkeypatch.setattr(shutil, "copystat", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOTSUP, "no attributes")))
    transfer_file(image, target, "copy")
    assert has_same_content(image, target)


def test_an_error_of_the_disk_is_not_about_one_file(image: Path, target: Path) -> None:
    assert not is_about_file(OSError(errno.ENOSPC, "full"), target.parent)
    assert not is_about_file(OSError(errno.EIO, "lost"), target.parent / "missing")
    assert is_about_file(OSError(errno.ENAMETOOLONG, "long"), target.parent)
    assert is_about_file(SourceError(errno.EROFS, "read-only"), target.parent / "missing")
