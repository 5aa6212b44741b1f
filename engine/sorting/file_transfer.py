"""Put files into other folders such that nothing is ever overwritten and no instant loses a byte."""

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

_MOST_LETTERS = 100
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_CANNOT_LINK = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EINVAL)


def folder_name(name: str) -> str:
    """Return the name of a folder for a class, one that every system allows."""
    cleaned = _FORBIDDEN.sub("_", name)[:_MOST_LETTERS].strip().rstrip(". ")
    if not cleaned or cleaned.startswith(".") or _RESERVED.fullmatch(cleaned):
        return f"_{cleaned}"
    return cleaned


def free_path(folder: Path, name: str) -> Path:
    """Return where a file of this name can lie in `folder`: with a number behind its stem where one is there."""
    stem, suffix = os.path.splitext(name)
    candidate, number = folder / name, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = folder / f"{stem}-{number}{suffix}"
    return candidate


def transfer_file(source: Path, target: Path, way: TransferMode) -> None:
    """Copy, move or link a file to `target`, where nothing lies; raise OSError, FileExistsError among them.

    Killed at any instant, `source` is whole, or `target` is. Copies keep their time of change. Where the file system
    has no second names for a file, a link is a symbolic one.
    """
    if way == "copy":
        _copy(source, target)
    elif way == "link":
        _link(source, target)
    else:
        move_file(source, target)


def move_file(source: Path, target: Path) -> None:
    """Move a file to where nothing lies, also to another disk; raise OSError where that cannot be."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        _copy(source, target)
    os.unlink(source)


def has_same_content(first: Path, second: Path) -> bool:
    """Say whether two paths lead to one file, or to two of the same content; no where one cannot be read."""
    try:
        return os.path.samefile(first, second) or filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{target.suffix}")
    try:
        shutil.copy2(source, temporary)
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        _rename(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _rename(source: Path, target: Path) -> None:
    try:
        os.link(source, target)  # unlike a rename, it fails where something lies
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
