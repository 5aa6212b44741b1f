"""Size-limited folder for data that can be recomputed: decoded images, fingerprints and features."""

import contextlib
import os
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

from engine.core.atomic_write import remove_temporary_files
from engine.core.paths import home_folder

MAX_CACHE_BYTES = 10 * 1024**3
"""Size limit of the folder; the least recently used files are deleted first."""
_MAX_DISK_SHARE = 0.5
"""Largest share of the free disk space that one file may take."""
_LEFTOVER_SECONDS = 3600.0
"""Age from which a temporary file is one that a killed process left."""

_owners: "weakref.WeakValueDictionary[Path, object]" = weakref.WeakValueDictionary()
"""Files in use by this process, each with the object that uses it."""


def cache_folder() -> Path:
    """Return the cache folder and create it if needed; raise OSError if it cannot be created."""
    folder = home_folder() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep_while_alive(path: Path, owner: object) -> None:
    """Do not delete a file of the cache while `owner` exists in this process, and mark the file as used."""
    _owners[path] = owner
    mark_used(path)


def mark_used(path: Path) -> None:
    """Make a file the last one to be deleted; do nothing if it does not exist or cannot be changed."""
    with contextlib.suppress(OSError):
        os.utime(path)


def reserve_space(num_bytes: int, replaced: Path | None = None) -> bool:
    """Delete the least recently used files until `num_bytes` more fit; return False if they still do not fit.

    Files in use and files that the system does not delete (on Windows those that another program has mapped) stay.

    Args:
        num_bytes: Size of the file to write.
        replaced: File that the new one replaces. It is not deleted and does not count.
    """
    if num_bytes > MAX_CACHE_BYTES:
        return False
    try:
        folder = cache_folder()
        remove_temporary_files(folder, _LEFTOVER_SECONDS)
        files = sorted(entry for entry in _list_files(folder) if entry[2] != replaced)
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total + num_bytes <= MAX_CACHE_BYTES:
                break
            if path not in _owners and _delete(path):
                total -= size
        return total + num_bytes <= MAX_CACHE_BYTES and num_bytes <= _MAX_DISK_SHARE * shutil.disk_usage(folder).free
    except OSError:
        return False


def _list_files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield time of last use, size and path of each file; those that another process deletes are left out."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            status = path.stat()
            yield status.st_mtime, status.st_size, path


def _delete(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
