"""Rules about file names: image suffixes, hidden files and free names."""

import os
from pathlib import Path

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif")
) | frozenset((".mpo", ".ppm", ".pgm", ".pbm", ".ico", ".tga", ".jp2"))


def is_hidden(name: str) -> bool:
    """Return True for names that file managers hide or that operating systems and tools leave behind."""
    return name.startswith((".", "__")) or name.lower() in {"thumbs.db", "desktop.ini"}


def is_image_name(name: str) -> bool:
    """Return True if the name is visible and ends with a suffix of an image format."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not is_hidden(name)


def unique_path(path: Path) -> Path:
    """Return `path`, or the first of `path-2`, `path-3`, ... that does not exist."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate
