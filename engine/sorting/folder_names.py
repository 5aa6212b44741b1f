"""Names of folders and files that are valid on every system: folders of classes, and free file names."""

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.core.file_names import shorten_name
from engine.data.class_names import folded_class_key
from engine.data.folders.sorted_mark import REVIEW_NAMES

_MAX_FOLDER_BYTES, _MAX_FILE_BYTES = 200, 255
_MAX_PORTABLE_BYTES = 140
"""Encrypted home folders of some systems allow 143 bytes."""
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])( *\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SortFolders:
    """Names of the folders that images are sorted into; no two are equal, also without regard to letter case."""

    class_folders: dict[str, str]
    """The folder of each class."""
    review: str
    """The folder of images that need a person: unsure or out of distribution."""


def choose_folders(classes: Sequence[str], reserved: Collection[str] = ()) -> SortFolders:
    """Choose a folder for each class and one for images to review.

    A class whose name is a valid folder name gets it, also if it is called "review"; the folder of images to review
    gets another name then. Classes whose folder names would collide get a number.

    Args:
        classes: Names of all classes.
        reserved: Names of files in the same place.
    """
    taken = {folded_class_key(name) for name in reserved}
    folders: dict[str, str] = {}
    for name in sorted(classes, key=lambda each: folder_name(each) != each):
        folders[name] = _free_name(folder_name(name), taken)
        taken.add(folded_class_key(folders[name]))
    free_names = [name for name in reversed(REVIEW_NAMES) if folded_class_key(name) not in taken]
    return SortFolders(folders, free_names[0] if free_names else _free_name(REVIEW_NAMES[0], taken))


def folder_name(name: str) -> str:
    """Return a folder name for a class that is valid on Windows, macOS and Linux."""
    cleaned = shorten_name(_FORBIDDEN.sub("_", name), _MAX_FOLDER_BYTES).strip().rstrip(". ")
    if not cleaned or cleaned.startswith(".") or _RESERVED.fullmatch(cleaned):
        return f"_{cleaned}"
    return cleaned


def portable_file_name(name: str) -> str:
    """Return a file name that every file system allows: without characters that Windows forbids, and not too long."""
    stem, suffix = os.path.splitext(_FORBIDDEN.sub("_", name))
    return f"{shorten_name(stem, _MAX_PORTABLE_BYTES - len(os.fsencode(suffix)))}{suffix}"


def free_path(folder: Path, name: str) -> Path:
    """Return an unused path in `folder`, with a number after the stem if the name is taken.

    The stem is shortened where the number would make the name longer than file systems allow.
    """
    stem, suffix = os.path.splitext(name)
    candidate, number = folder / name, 1
    while os.path.lexists(candidate):
        number += 1
        end = f"-{number}{suffix}"
        candidate = folder / f"{shorten_name(stem, _MAX_FILE_BYTES - len(os.fsencode(end)))}{end}"
    return candidate


def _free_name(base_name: str, taken: set[str]) -> str:
    name, number = base_name, 1
    while folded_class_key(name) in taken:
        number += 1
        name = f"{base_name}-{number}"
    return name
