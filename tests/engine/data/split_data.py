"""Datasets and groups of photos for tests of the split."""

from collections.abc import Sequence
from pathlib import Path

from engine.data.dataset import Dataset, Sample
from engine.data.groups.photo_groups import GroupKind, PhotoGroup, PhotoGroups


def make_dataset(**counts: int) -> Dataset:
    """Return a dataset with these numbers of images of each class."""
    names = tuple(sorted(counts))
    samples = [Sample(f"{name}/{i}.png", names.index(name)) for name in names for i in range(counts[name])]
    return Dataset(Path("/data"), names, tuple(samples))


def duplicate_groups(*groups: Sequence[str]) -> PhotoGroups:
    """Return groups of duplicates, given their paths."""
    return PhotoGroups(groups=tuple(PhotoGroup(kind="duplicate", paths=tuple(paths)) for paths in groups))


def ordered_groups(*groups: Sequence[str], kind: GroupKind = "time") -> PhotoGroups:
    """Return groups of photos, given their paths in the order of capture."""
    order = tuple(path for paths in groups for path in paths)
    return PhotoGroups(groups=tuple(PhotoGroup(kind=kind, paths=tuple(paths)) for paths in groups), order=order)
