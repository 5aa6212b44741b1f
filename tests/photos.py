"""Datasets of photos that exist only as paths and fingerprint records."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.audit.fingerprint import UNKNOWN_OFFSET, Records, empty_records
from engine.audit.grouping.folder_groups import Location, locate
from engine.audit.photo_groups import find_photo_groups
from engine.config.settings import GroupBy
from engine.data.dataset import Dataset, Sample
from engine.data.groups.photo_groups import PhotoGroups

MORNING = 1_714_543_200.0
"""2024-05-01 06:00:00 UTC."""


@dataclass(frozen=True)
class Photo:
    """A photo in class/..., with its metadata and the event that it belongs to."""

    path: str
    taken: float = math.nan
    camera: str = "T1"
    serial_hash: int = 0
    utc_offset: int = UNKNOWN_OFFSET
    event: str = ""


def photo_dataset(photos: Iterable[Photo]) -> tuple[Dataset, Records]:
    """Return the dataset of the photos and their records."""
    ordered = sorted(photos, key=lambda photo: photo.path)
    classes = tuple(sorted({photo.path.split("/")[0] for photo in ordered}))
    samples = tuple(Sample(photo.path, classes.index(photo.path.split("/")[0])) for photo in ordered)
    records = empty_records(len(ordered))
    for field in ("taken", "serial_hash", "utc_offset"):
        records[field] = [getattr(photo, field) for photo in ordered]
    records["camera"] = [photo.camera.encode() for photo in ordered]
    return Dataset(Path("/photos"), classes, samples), records


def photo_groups(
    photos: Iterable[Photo], group_by: GroupBy = "auto", gap_seconds: float | None = None
) -> tuple[Dataset, PhotoGroups]:
    """Return the dataset of the photos and its groups."""
    dataset, records = photo_dataset(photos)
    return dataset, find_photo_groups(dataset.samples, records, dataset.classes, group_by, gap_seconds)


def groups_by_name(*paths: str, group_by: GroupBy = "auto") -> set[frozenset[str]]:
    """Return the groups of photos without times, apart from the parts that wide groups consist of."""
    _, found = photo_groups((Photo(path) for path in paths), group_by)
    return {frozenset(group.paths) for group in found.groups if group.kind != "part"}


def locations(*paths: str) -> list[Location]:
    """Return the locations of paths such as class/folder/name."""
    classes = sorted({path.split("/")[0] for path in paths})
    return locate([Sample(path, 0) for path in paths], classes)


def num_divided_events(dataset: Dataset, photos: Sequence[Photo]) -> int:
    """Return the number of events with photos in both training and validation."""
    sides = {sample.path: sample.split for sample in dataset.samples}
    splits: dict[str, set[str]] = {}
    for photo in photos:
        splits.setdefault(photo.event, set()).add(sides[photo.path])
    return sum(len(split) > 1 for split in splits.values())
