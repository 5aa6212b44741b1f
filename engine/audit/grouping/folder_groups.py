"""Groups by subfolder: patients, sites, clips or days inside the class folders."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.data.class_names import folded_class_key
from engine.data.dataset import Sample
from engine.data.groups.name_patterns import is_group_name

_CAMERA_FOLDER = re.compile(r"dcim|camera(?: roll)?|\d{3}[a-z_]{5}|\d{3}_\d{4}|\d{6}__", re.IGNORECASE)
"""Folders that cameras and phones fill by number, such as DCIM/100CANON."""
_MIN_GROUP_NAMES = 0.8
_MIN_NUMBERED_FOLDERS = 3


@dataclass(frozen=True, slots=True)
class Location:
    """Place of an image: its class folder and the folders below."""

    class_folder: str
    subfolders: tuple[str, ...]


def locate(samples: Sequence[Sample], classes: Sequence[str]) -> list[Location]:
    """Return the location of each sample; folders above the class folder, such as train/, do not count."""
    names = {folded_class_key(name) for name in classes}
    result = []
    for sample in samples:
        folders = sample.path.split("/")[:-1]
        depth = next((depth for depth, folder in enumerate(folders) if folded_class_key(folder) in names), 0)
        result.append(Location(folders[depth] if folders else "", tuple(folders[depth + 1 :])))
    return result


def group_by_folder(locations: Sequence[Location], is_certain: bool) -> list[list[int]]:
    """Return groups of rows in subfolders of the same name, at the first depth where a class has several.

    Args:
        locations: Location of each image.
        is_certain: Whether the user asked for groups by folder; otherwise only folders whose names look like patients,
            sites, clips or days count.
    """
    depth = _branching_depth(locations)
    if depth is None:
        return []
    rows: dict[str, list[int]] = {}
    classes: dict[str, set[str]] = {}
    for row, location in enumerate(locations):
        if len(location.subfolders) > depth:
            name = location.subfolders[depth]
            rows.setdefault(name, []).append(row)
            classes.setdefault(location.class_folder, set()).add(name)
    if not is_certain and not _look_like_groups(rows.keys(), max(map(len, classes.values()))):
        return []
    return [members for members in rows.values() if len(members) > 1]


def _branching_depth(locations: Sequence[Location]) -> int | None:
    """Return the first depth at which a class folder has several subfolders."""
    for depth in range(max((len(location.subfolders) for location in locations), default=0)):
        names: dict[str, set[str]] = {}
        for location in locations:
            if len(location.subfolders) > depth:
                names.setdefault(location.class_folder, set()).add(location.subfolders[depth])
        if any(len(folders) > 1 for folders in names.values()):
            return depth
    return None


def _look_like_groups(names: Collection[str], num_in_class: int) -> bool:
    good = [name for name in names if is_group_name(name) and _CAMERA_FOLDER.fullmatch(name) is None]
    if len(good) < _MIN_GROUP_NAMES * len(names):
        return False
    return num_in_class >= _MIN_NUMBERED_FOLDERS or not all(name.isdigit() for name in good)
