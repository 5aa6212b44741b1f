"""Tables and tiles of the report about the dataset: unreadable files, duplicates, outliers and shortcuts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from engine.audit.class_balance import describe_imbalance
from engine.audit.findings import Audit, DuplicateGroup, OutlierKind
from engine.core.formatting import listing
from engine.data.dataset import Dataset
from engine.data.groups.photo_groups import GroupKind, PhotoGroups
from engine.ml.report.gallery import Gallery, Tile

_MAX_EXAMPLES, _MAX_GROUPS, _MAX_IN_GROUP = 5, 4, 5
_EQUAL_RATIO, _SIMILAR_RATIO = 1.05, 1.5
_OUTLIER_NAMES: dict[OutlierKind, str] = {
    "blurred": "Blurred images",
    "dark": "Dark images",
    "bright": "Bright images",
    "tiny": "Tiny images",
    "shape": "Images with an unusual aspect ratio",
}


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One kind of finding, with its number and the first examples."""

    name: str
    number: int
    examples: tuple[str, ...]


def audit_rows(audit: Audit) -> list[AuditRow]:
    """Return a row for each kind of finding, including kinds without findings."""
    groups = audit.duplicates
    rows = [
        AuditRow(
            "Unreadable files",
            len(audit.unreadable),
            tuple(f"{bad.path}: {bad.reason}" for bad in audit.unreadable[:_MAX_EXAMPLES]),
        ),
        _group_row("Groups of exact duplicates", [group for group in groups if group.kind == "exact"]),
        _group_row("Groups of near-duplicates", [group for group in groups if group.kind == "near"]),
        _photo_group_row("Groups of photos by time", audit.photo_groups, ("time",)),
        _photo_group_row("Groups of photos by file name", audit.photo_groups, ("name", "copy")),
        _photo_group_row("Groups of photos by folder", audit.photo_groups, ("folder",)),
        _group_row("Groups with conflicting labels", [group for group in groups if group.is_conflict]),
        _group_row("Groups in both training and validation", [group for group in groups if group.crosses_splits]),
    ]
    for kind, name in _OUTLIER_NAMES.items():
        outliers = [outlier for outlier in audit.outliers if outlier.kind == kind]
        examples = tuple(f"{outlier.path}: {outlier.reason}" for outlier in outliers[:_MAX_EXAMPLES])
        rows.append(AuditRow(name, len(outliers), examples))
    sentences = tuple(shortcut.sentence for shortcut in audit.shortcuts)
    return [*rows, AuditRow("Shortcut features", len(audit.shortcuts), sentences)]


def _photo_group_row(name: str, groups: PhotoGroups, kinds: Sequence[GroupKind]) -> AuditRow:
    found = [group.paths for group in groups.groups if group.kind in kinds]
    return AuditRow(name, len(found), tuple(map(_join_paths, found[:_MAX_EXAMPLES])))


def _group_row(name: str, groups: Sequence[DuplicateGroup]) -> AuditRow:
    return AuditRow(name, len(groups), tuple(_join_paths(group.paths) for group in groups[:_MAX_EXAMPLES]))


def _join_paths(paths: Sequence[str]) -> str:
    return listing(paths, _MAX_IN_GROUP)


def duplicate_tiles(audit: Audit, dataset: Dataset, gallery: Gallery) -> list[list[Tile]]:
    """Return tiles of the first groups of duplicates, those with conflicting labels or in both splits first."""
    classes = {sample.path: dataset.classes[sample.label] for sample in dataset.samples}
    splits = {sample.path: sample.split for sample in dataset.samples}
    groups = list(audit.duplicates)
    groups.sort(key=lambda group: (not group.is_conflict, not group.crosses_splits))
    return [
        [gallery.tile(path, f"{classes[path]} ({splits[path]})", is_small=True) for path in group.paths[:_MAX_IN_GROUP]]
        for group in islice(groups, _MAX_GROUPS)
    ]


def describe_balance(audit: Audit) -> str:
    """Return a sentence about the class balance."""
    if audit.imbalance < _EQUAL_RATIO:
        return "All classes have about the same number of images."
    if audit.imbalance <= _SIMILAR_RATIO:
        return f"The largest class has {audit.imbalance:.1f} times as many images as the smallest, which is balanced."
    return describe_imbalance(audit.imbalance)
