"""A bounded folder for what can be computed again: decoded pictures and what frozen networks said of them."""

import shutil
from pathlib import Path

from engine.core.paths import home_folder

MAX_CACHE_BYTES = 10 * 1024**3
"""Bytes that the folder may hold; the files that were not used for the longest go first."""
_FREE_SHARE = 0.5
"""Share of the free disk that may be taken."""


def cache_folder() -> Path:
    """Return the folder, made where it is missing; raise OSError where it cannot be."""
    folder = home_folder() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def reserve_space(num_bytes: int) -> bool:
    """Delete the oldest files until `num_bytes` more fit the budget; say whether they do now."""
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
        return num_bytes <= _FREE_SHARE * shutil.disk_usage(folder).free
    except OSError:
        return False
