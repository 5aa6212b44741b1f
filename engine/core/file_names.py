"""Rules about file names: image suffixes, hidden files and free names."""

import os
from pathlib import Path

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif")
) | frozenset((".mpo", ".ppm", ".pgm", ".pbm", ".ico", ".tga", ".jp2"))

_WINDOWS_NAMES = (
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),
    *("$recycle.bin", "system volume information"),
)
_MACOS_NAMES = ("__macosx", "icon\r", "network trash folder", "temporary items", "thevolumesettingsfolder")
_SERVER_NAMES = ("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "~snapshot")
"""Folders of Synology, QNAP and NetApp."""
_SYSTEM_NAMES = frozenset((*_WINDOWS_NAMES, *_MACOS_NAMES, *_SERVER_NAMES, "lost+found", "lost.dir", "__pycache__"))
"""Names of files and folders that systems and tools leave behind, in lower case."""
_SYSTEM_STARTS = (".", "~$", ":2e")
"""Hidden files, locks of office programs, and hidden files of old Apple file servers."""
_SYSTEM_ENDS = (":zone.identifier", "@synoeastream", "@synoresource")
"""Alternate data streams that Windows and file servers write as files of their own."""


def is_hidden(name: str) -> bool:
    """Return True for names that file managers hide or that operating systems and tools leave behind."""
    lower = name.lower()
    return lower in _SYSTEM_NAMES or lower.startswith(_SYSTEM_STARTS) or lower.endswith(_SYSTEM_ENDS)


def is_image_name(name: str) -> bool:
    """Return True if the name is visible and ends with a suffix of an image format; blanks at the end are ignored."""
    return os.path.splitext(name.rstrip())[1].lower() in IMAGE_SUFFIXES and not is_hidden(name)


def shorten_name(name: str, max_bytes: int) -> str:
    """Return the start of a name that has at most `max_bytes` bytes in UTF-8."""
    while len(name.encode("utf-8", "surrogatepass")) > max_bytes:
        name = name[:-1]
    return name


def unique_path(path: Path) -> Path:
    """Return `path`, or the first of `path-2`, `path-3`, ... that does not exist."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate
