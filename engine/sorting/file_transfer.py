"""Copy, move or link files without overwriting; crash-safe."""

import contextlib
import errno
import filecmp
import os
import shutil
import stat
from pathlib import Path
from typing import IO, Literal, TypeAlias

from engine.core.atomic_write import sync_file, temporary_path
from engine.core.errors import EngineError

TransferMode: TypeAlias = Literal["copy", "move", "link"]

_CANNOT_LINK = frozenset(
    (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EINVAL)
)
"""Errors of file systems without hard links (exFAT, SMB, FUSE), across disks, and beyond the limit of links."""
_DISK_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS))
_PRIVILEGE_NOT_HELD = 1314
"""Windows error code: the user may not create symbolic links."""
_RENAME_NEVER_OVERWRITES = os.name == "nt"
_CHUNK_BYTES = 2**20


class SourceError(OSError):
    """The file itself cannot be read or removed; other files may be transferred."""


class LinksUnsupportedError(EngineError):
    """The target folder can hold neither a hard link to the file nor a symbolic link."""


def transfer_file(source: Path, target: Path, mode: TransferMode) -> None:
    """Copy, move or link a file.

    If the process is killed at any time, either `source` or `target` is complete. Copies keep their modification time.
    A link is a hard link, or a symbolic link where the file system has no hard links.

    Raises:
        FileExistsError: `target` exists.
        SourceError: `source` cannot be read, or cannot be removed after a copy; then there is no `target`.
        LinksUnsupportedError: No link can be made in the target folder.
        OSError: The transfer failed for another reason.
    """
    if mode == "copy":
        _copy(source, target)
    elif mode == "link":
        _link(source, target)
    else:
        move_file(source, target)


def move_file(source: Path, target: Path) -> None:
    """Move a file, also across disks, without overwriting.

    Raises:
        OSError: The file could not be moved; `source` is unchanged, and `target` was not created.
    """
    if not os.access(source.parent, os.W_OK):
        raise SourceError(errno.EACCES, "its folder is read-only", str(source))
    try:
        if _RENAME_NEVER_OVERWRITES:
            # On Windows a second name of an open file could not be removed again
            os.rename(source, target)
            return
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _CANNOT_LINK or (_RENAME_NEVER_OVERWRITES and error.errno != errno.EXDEV):
            raise
        _copy(source, target)
    try:
        remove_file(source)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is raised below
            remove_file(target)
        raise SourceError(error.errno, error.strerror, str(source)) from error


def remove_file(path: Path, other_name: Path | None = None) -> None:
    """Delete a file, also a read-only one on Windows, where that protects it.

    Args:
        path: The file.
        other_name: Another name of the same file, which stays read-only.

    Raises:
        OSError: The file could not be deleted.
    """
    try:
        os.unlink(path)
    except PermissionError:
        mode = os.lstat(path).st_mode
        if mode & stat.S_IWUSR or stat.S_ISLNK(mode):
            raise
        os.chmod(path, mode | stat.S_IWUSR)
        try:
            os.unlink(path)
        finally:
            for name in (path, other_name):
                if name is not None and os.path.lexists(name):
                    os.chmod(name, mode)


def has_same_content(first: Path, second: Path) -> bool:
    """Return True if both paths are the same file or have equal content; False if one cannot be read."""
    try:
        return os.path.samefile(first, second) or filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False


def is_about_file(error: OSError, target_folder: Path) -> bool:
    """Return True if an error concerns one file, and False if no other file could be written to the folder either."""
    if isinstance(error, SourceError):
        return True
    return error.errno not in _DISK_ERRORS and target_folder.is_dir() and os.access(target_folder, os.W_OK)


def _copy(source: Path, target: Path) -> None:
    temporary = temporary_path(target)
    try:
        with open(temporary, "xb") as copy:
            _copy_content(source, copy)
            copy.flush()
            sync_file(copy.fileno())
        _copy_times(source, temporary)
        _rename(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):  # it has its final name
            os.unlink(temporary)
    _copy_attributes(source, target)


def _copy_content(source: Path, copy: IO[bytes]) -> None:
    try:
        original = open(source, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise SourceError(error.errno, error.strerror, str(source)) from error
    with original:
        while True:
            try:
                chunk = original.read(_CHUNK_BYTES)
            except OSError as error:
                raise SourceError(error.errno, error.strerror, str(source)) from error
            if not chunk:
                return
            copy.write(chunk)


def _copy_times(source: Path, copy: Path) -> None:
    with contextlib.suppress(OSError):  # some network file systems do not store times
        status = os.stat(source)
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


def _copy_attributes(source: Path, target: Path) -> None:
    # At the end, since a read-only file can be neither synced nor renamed everywhere
    with contextlib.suppress(OSError):  # some file systems have neither modes nor extended attributes
        shutil.copystat(source, target)
    clear_flags = getattr(os, "chflags", None)
    if clear_flags is not None:
        with contextlib.suppress(OSError):  # not every file system has flags
            clear_flags(target, 0)  # macOS would protect the copy of a locked file from undoing


def _rename(source: Path, target: Path) -> None:
    try:
        os.link(source, target)  # unlike a rename, it fails if the target exists
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        os.rename(source, target)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        _symlink(source.resolve(), target)


def _symlink(source: Path, target: Path) -> None:
    try:
        os.symlink(source, target)
    except OSError as error:
        if getattr(error, "winerror", None) == _PRIVILEGE_NOT_HELD:
            raise LinksUnsupportedError(
                "Windows lets only administrators and developer mode create symbolic links, and hard links need a "
                "folder on the disk of the images. Choose copy instead of link.",
                target.parent,
            ) from error
        if error.errno not in _CANNOT_LINK:
            raise
        raise LinksUnsupportedError(
            "The file system of this folder has no links. Choose copy instead of link.", target.parent
        ) from error
