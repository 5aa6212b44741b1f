"""Keys by which caches recognise an unchanged file."""

import os
import time
from pathlib import Path
from typing import TypeAlias

from engine.core.path_text import path_from_text
from engine.core.seeds import stable_seed

FileKey: TypeAlias = tuple[int, int, int, int]
"""Inode, size in bytes, modification time in nanoseconds, hash of the relative path."""

_SECOND = 10**9


def file_key(root: Path, path: str) -> FileKey:
    """Return the key of a file; raises OSError if the file does not exist.

    The path is part of it, because some file systems (FAT, SMB, WebDAV) have no inodes or number the files anew each
    time; the inode is part of it, because two files may swap their names and have the same size and time.

    Args:
        root: Folder that `path` is relative to.
        path: Path as the dataset stores it.
    """
    return _key(path_from_text(root / path), path)


def file_version(path: Path) -> FileKey:
    """Return the key of the file at `path` itself; raises OSError if the file does not exist."""
    return _key(path, os.fspath(path.absolute()))


def _key(path: Path, name: str) -> FileKey:
    status, now = path.stat(), time.time_ns()
    modified = status.st_mtime_ns
    if abs(now - modified) <= _resolution(modified):
        # The file may change again and keep its modification time, so what is stored now must not be found again
        modified = now
    return status.st_ino % 2**63, status.st_size, modified, stable_seed(name)


def _resolution(modified: int) -> int:
    """Return the longest time in nanoseconds in which a second change may keep this modification time.

    FAT counts in steps of two seconds, other file systems in seconds or finer.
    """
    if modified % (2 * _SECOND) == 0:
        return 2 * _SECOND
    return _SECOND if modified % _SECOND == 0 else 0
