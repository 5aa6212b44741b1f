"""Copy, move or link files without overwriting; crash-safe."""

import contextlib
import errno
import filecmp
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Literal, TypeAlias

TransferMode: TypeAlias = Literal["copy", "move", "link"]

_MAX_NAME_LENGTH = 100
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_CANNOT_LINK = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EINVAL)


def folder_name(name: str) -> str:
    """Return a folder name for a class that is valid on Windows, macOS and Linux."""
    cleaned = _FORBIDDEN.sub("_", name)[:_MAX_NAME_LENGTH].strip().rstrip(". ")
    if not cleaned or cleaned.startswith(".") or _RESERVED.fullmatch(cleaned):
        return f"_{cleaned}"
    return cleaned


def free_path(folder: Path, name: str) -> Path:
    """Return an unused path in `folder`, with a number after the stem if the name is taken."""
    stem, suffix = os.path.splitext(name)
    candidate, number = folder / name, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = folder / f"{stem}-{number}{suffix}"
    return candidate


def transfer_file(source: Path, target: Path, mode: TransferMode) -> None:
    """Copy, move or link a file.

    If the process is killed at any time, either `source` or `target` is complete. Copies keep their modification time.
    A link is a hard link, or a symbolic link where the file system has no hard links.

    Raises:
        FileExistsError: `target` exists.
        OSError: The transfer failed.
    """
    if mode == "copy":
        _copy(source, target)
    elif mode == "link":
        _link(source, target)
    else:
        move_file(source, target)


def move_file(source: Path, target: Path) -> None:
    """Move a file, also across disks, without overwriting; raises OSError if it fails or `target` exists."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        _copy(source, target)
    os.unlink(source)


def has_same_content(first: Path, second: Path) -> bool:
    """Return True if both paths are the same file or have equal content; False if one cannot be read."""
    try:
        return os.path.samefile(first, second) or filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{target.suffix}")
    try:
        shutil.copy2(source, temporary)
        with open(temporary, "rb+") as copy:
            os.fsync(copy.fileno())
        _rename(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


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
        os.symlink(source.resolve(), target)
