"""Groups of photos that belong together: series in time, patients, clips, sites and copies."""

from collections import Counter
from typing import Literal, TypeAlias

from pydantic import Field

from engine.core.formatting import listing
from engine.core.records import ExtensibleModel, FrozenModel

GroupKind: TypeAlias = Literal["duplicate", "copy", "time", "similar", "part", "name", "folder"]

LEVELS: dict[GroupKind, int] = {
    "duplicate": 0,
    "copy": 0,
    "time": 1,
    "similar": 1,
    "part": 2,
    "name": 3,
    "folder": 3,
}
"""Extent of a group. A group that is larger than the validation split is divided into groups of a lower level;
those of level 0 are never divided."""


class PhotoGroup(FrozenModel):
    """Photos that stay on one side of the split, and what ties them."""

    kind: GroupKind
    paths: tuple[str, ...]


class PhotoGroups(FrozenModel):
    """All groups of a dataset; they may overlap."""

    groups: tuple[PhotoGroup, ...] = ()
    gap_seconds: float | None = None
    """Longest pause between two photos of a group by time; None if no group was sought by time."""
    order: tuple[str, ...] = Field((), exclude=True)
    """Paths of all grouped photos, in the order in which they were taken, or else of their names."""
    times: tuple[float, ...] = Field((), exclude=True)
    """Capture times of the photos in `order`, in seconds; NaN where unknown."""

    num_leaks: int = 0
    """Number of groups with photos in both training and validation, in a folder with its own split."""

    def same_scene(self) -> list[tuple[str, ...]]:
        """Return the paths of the copies and of the photos of one event, which nearly always show the same."""
        return [group.paths for group in self.groups if LEVELS[group.kind] <= LEVELS["time"]]

    def describe(self) -> str:
        """Return the number of groups by kind, such as "16 by time (gap 60 s), 3 by file name"; empty for none."""
        counts = Counter(group.kind for group in self.groups)
        gap = f" (gap {self.gap_seconds:g} s)" if self.gap_seconds is not None else ""
        labels: tuple[tuple[GroupKind, str], ...] = (
            ("folder", "by folder"),
            ("name", "by file name"),
            ("time", f"by time{gap}"),
            ("copy", "of copies by file name"),
        )
        leaks = [f"{self.num_leaks:,} in both training and validation"] if self.num_leaks else []
        return ", ".join([*(f"{counts[kind]:,} {label}" for kind, label in labels if counts[kind]), *leaks])


class SplitGroup(ExtensibleModel):
    """Reasons of one numbered group of a split."""

    kinds: tuple[str, ...]
    is_cut: bool = False
    """True for a part of a larger group that has images on the other side of the split."""


def describe_cuts(parts: dict[str, tuple[int, int]]) -> str:
    """Return a sentence about groups that had to be divided.

    Args:
        parts: Number of validation images and of all images of each class whose groups were divided.
    """
    names = [f"'{name}' ({num_val} of {total})" for name, (num_val, total) in parts.items()]
    each, it = (" each", "These were") if len(names) > 1 else ("", "It was")
    end = "their ends are" if len(names) > 1 else "its end is"
    return (
        f"Nearly all photos of {listing(names)} belong to one series, patient or folder{each}. {it} divided in the "
        f"order of capture, and {end} used for validation. Photos on both sides of the border are alike, so the "
        "accuracy may be too high. Photos from other days, places or persons would measure it better."
    )
