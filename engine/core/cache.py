"""Size-limited folder for data that can be recomputed: decoded images, fingerprints and features."""

import shutil
from pathlib import Path

from engine.core.paths import home_folder

MAX_CACHE_BYTES = 10 * 1024**3
"""Size limit of the folder; the least recently used files are deleted first."""
_MAX_DISK_SHARE = 0.5
"""Largest share of the free disk space that one file may take."""


def cache_folder() -> Path:
    """Return the cache folder and create it if needed; raise OSError if it cannot be created."""
    folder = home_folder() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def reserve_space(num_bytes: int) -> bool:
    """Delete the least recently used files until `num_bytes` more fit; return False if they still do not fit."""
    if num_bytes > MAX_CACHE_BYTES:
        return False
    try:
        folder = cache_folder()
        files = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in folder.iterdir())
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total + num_bytes <= MAX_CACHE_BYTES:
                break
            path.unlink(missing_ok=True)
            total -= size
        return num_bytes <= _MAX_DISK_SHARE * shutil.disk_usage(folder).free
    except OSError:
        return False
