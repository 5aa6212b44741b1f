"""Subcommands that scan a dataset or write the sample dataset. Each returns the exit code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

from tyro.conf import Positional, arg

from engine import jobs
from engine.audit.class_balance import describe_imbalance
from engine.audit.findings import Audit, DuplicateGroup, DuplicateKind
from engine.cli.arguments import DataArgument, Flag
from engine.cli.console import Console, as_argument
from engine.cli.output import DONE, print_json, print_line, scan_json
from engine.core.formatting import listing
from engine.data.dataset import Dataset
from engine.data.folders.split_names import SPLITS
from engine.data.sample_dataset import write_sample_dataset
from engine.data.split_description import describe_split
from engine.results.imbalance import MAX_IMBALANCE

_MAX_PATHS = 6
"""Paths that are printed of one group of duplicates."""


def scan(data: DataArgument, /, json: Flag = False) -> int:
    """Print the classes of a folder and its issues: unreadable files, duplicates, outliers, shortcut features.

    Args:
        data: Folder with one folder of images per class, or with train/ and val/.
        json: Print one JSON object.
    """
    console = Console()
    dataset = console.run(jobs.scan(data))
    audit = console.run(jobs.check(dataset))
    if json:
        print_json(scan_json(dataset, audit))
        return DONE
    _print_classes(dataset, audit)
    for bad in audit.unreadable:
        print_line(f"unreadable: {bad.path}: {bad.reason}")
    _print_duplicates(audit.duplicates)
    if grouping := audit.photo_groups.describe():
        print_line(f"groups: {grouping}")
    for outlier in audit.outliers:
        print_line(f"{outlier.kind}: {outlier.path}: {outlier.reason}")
    for shortcut in audit.shortcuts:
        print_line(f"shortcut: {shortcut.feature}: {shortcut.sentence}")
    if audit.imbalance > MAX_IMBALANCE:
        print_line(f"imbalance: {describe_imbalance(audit.imbalance)}")
    for sentence in audit.caveats:
        print_line(f"few images: {sentence}")
    for note in (*dataset.notes, *audit.notes):
        print_line(f"note: {note}")
    return DONE


def sample(folder: Annotated[Positional[Path], arg(metavar="DIR")], /) -> int:
    """Write the sample dataset.

    Args:
        folder: Folder to write to.
    """
    console = Console()
    console.run(write_sample_dataset(folder))
    console.print_message(
        f"Sample dataset: {folder}. Train on it with: classifold train {as_argument(folder)} --out RUN"
    )
    return DONE


def _print_classes(dataset: Dataset, audit: Audit) -> None:
    width = max(map(len, dataset.classes))
    for name, count in zip(dataset.classes, dataset.counts()):
        print_line(f"{name:<{width}}  {count:>7}")
    num_train, num_val, num_test = (len(dataset.of_split(split)) for split in SPLITS)
    print_line(f"split: {describe_split(num_train, num_val, num_test, not dataset.has_val)}")
    num_outliers = len({outlier.path for outlier in audit.outliers})
    num_conflicts = sum(group.is_conflict for group in audit.duplicates)
    num_leaks = sum(group.crosses_splits for group in audit.duplicates)
    kinds = [f"{sum(group.kind == kind for group in audit.duplicates)} {kind}" for kind in get_args(DuplicateKind)]
    print_line(
        f"{len(dataset.samples)} images in {len(dataset.classes)} classes, {len(audit.unreadable)} unreadable, "
        f"{len(audit.duplicates)} groups of duplicates ({', '.join(kinds)}; {num_conflicts} with conflicting labels, "
        f"{num_leaks} in both training and validation), {num_outliers} outliers, "
        f"{len(audit.shortcuts)} shortcut features"
    )


def _print_duplicates(groups: Sequence[DuplicateGroup]) -> None:
    """Print groups of duplicates, those with conflicting labels first, then those that cross the split."""
    for group in sorted(groups, key=lambda group: (not group.is_conflict, not group.crosses_splits)):
        marks = [
            group.kind,
            *(["conflicting labels"] if group.is_conflict else []),
            *(["leak: in both training and validation"] if group.crosses_splits else []),
        ]
        print_line(f"duplicates ({', '.join(marks)}): {listing(group.paths, _MAX_PATHS)}")
