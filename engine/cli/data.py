"""What the subcommands about a folder of images do. Each returns the exit code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.audit.class_balance import MAX_UNWEIGHTED_RATIO, describe_imbalance
from engine.audit.findings import Audit, DuplicateGroup
from engine.cli.console import Console
from engine.cli.output import DONE, Flag, print_line, scan_json
from engine.data.dataset import Dataset

_KINDS = {
    "exact": "copies byte for byte",
    "near": "the same picture otherwise saved",
    "burst": "shots within seconds",
}
_MOST_PATHS = 6


def scan(data: Annotated[Positional[Path], arg(metavar="DATA")], /, json: Flag = False) -> int:
    """Say what is in a folder and what is odd about it: unreadable files, copies, odd images, giveaways.

    Args:
        data: Folder with one folder of images a class, or with train/ and val/.
        json: Print one JSON object.
    """
    console = Console()
    dataset = console.run(jobs.scan(data))
    audit = console.run(jobs.check(dataset))
    if json:
        print_line(scan_json(dataset, audit))
        return DONE
    _say_classes(dataset, audit)
    for bad in audit.unreadable:
        print_line(f"unreadable: {bad.path}: {bad.reason}")
    _say_duplicates(audit.duplicates)
    for odd in audit.outliers:
        print_line(f"{odd.kind}: {odd.path}: {odd.reason}")
    for shortcut in audit.shortcuts:
        print_line(f"shortcut: {shortcut.feature}: {shortcut.sentence}")
    if audit.imbalance > MAX_UNWEIGHTED_RATIO:
        print_line(f"imbalance: {describe_imbalance(audit.imbalance)}")
    for note in dataset.notes:
        print_line(f"note: {note}")
    return DONE


def _say_classes(dataset: Dataset, audit: Audit) -> None:
    width = max(map(len, dataset.classes))
    for name, count in zip(dataset.classes, dataset.counts()):
        print_line(f"{name:<{width}}  {count:>7}")
    num_odd = len({odd.path for odd in audit.outliers})
    conflicts = sum(group.is_conflict for group in audit.duplicates)
    leaks = sum(group.crosses_splits for group in audit.duplicates)
    counts = [f"{sum(group.kind == kind for group in audit.duplicates)} {kind}" for kind in _KINDS]
    print_line(
        f"{len(dataset.samples)} images in {len(dataset.classes)} classes, {len(audit.unreadable)} unreadable, "
        f"{len(audit.duplicates)} groups of duplicates ({', '.join(counts)}; {conflicts} with conflicting labels, "
        f"{leaks} both learnt from and measured on), {num_odd} odd images, {len(audit.shortcuts)} shortcuts"
    )


def _say_duplicates(groups: Sequence[DuplicateGroup]) -> None:
    for group in sorted(groups, key=lambda group: (not group.is_conflict, not group.crosses_splits)):
        marks = [
            *(["conflicting labels"] if group.is_conflict else []),
            *(["leak: both learnt from and measured on"] if group.crosses_splits else []),
            _KINDS[group.kind],
        ]
        more = f" and {len(group.paths) - _MOST_PATHS} more" if len(group.paths) > _MOST_PATHS else ""
        print_line(f"duplicates ({', '.join(marks)}): {', '.join(group.paths[:_MOST_PATHS])}{more}")
