"""The figures of a run as rows and words for a report."""

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PureWindowsPath

import torch

from engine.audit.class_balance import describe_imbalance
from engine.audit.findings import Audit, DuplicateGroup, OutlierKind
from engine.config.settings import RunConfig
from engine.core.formatting import duration, percent
from engine.data.dataset import SPLIT_FOLDERS, Dataset
from engine.ml.report.gallery import Gallery, Tile
from engine.results.calibration import Calibration, choose_operating_point
from engine.results.evaluation import Evaluation
from engine.results.model_metadata import ModelMetadata
from engine.results.statistics import wilson_interval
from engine.runs.history import History

BUDGETS = (0.01, 0.02, 0.05, 0.1)
MOST_IN_MATRIX = 25
"""Classes from which on a matrix is too wide for a page, and the most frequent confusions are listed."""
_NUM_EXAMPLES, _NUM_GROUPS, _NUM_IN_GROUP = 5, 4, 5
_ODDITY_WORDS: dict[OutlierKind, str] = {
    "blurred": "Blurred images",
    "dark": "Very dark images",
    "bright": "Very bright images",
    "tiny": "Tiny images",
    "shape": "Images of an odd shape",
}


def facts(card: ModelMetadata, config: RunConfig, dataset: Dataset, history: History) -> list[tuple[str, str]]:
    """Return what was trained, as pairs of a name and its words."""
    started, done, model = history.started, history.done, config.model
    sizes = ", ".join(
        f"{len(part):,} {words}"
        for words, part in (
            ("to learn from", dataset.of_split("train")),
            ("to measure on", dataset.of_split("val")),
            ("kept for a test", dataset.of_split("test")),
        )
        if part
    )
    rows = [
        ("Data set", dataset.root.name),
        ("Images", f"{sizes}, {len(dataset.classes)} classes"),
        ("How they were divided", _split_words(dataset, config)),
        ("Network", f"{card.backbone}, {_start_words(model.weights)}, images of {card.image_size} pixels"),
        ("Epochs", f"{len(history.epochs)}, the best of them is number {history.best.epoch}" if history.best else ""),
        ("Seed", str(config.training.seed)),
        ("Computed on", f"{started.device}, in {started.precision}" if started else ""),
        ("Time", duration(done.seconds) + (", stopped by the user" if done.stopped else "") if done else ""),
        ("Model made", card.created.replace("T", " ").replace("+00:00", " UTC")),
        ("Versions", f"model by Classifold {card.program}; {_versions_now()}"),
    ]
    return [(name, words) for name, words in rows if words]


def _start_words(weights: str) -> str:
    # A path is told by its last name: where it lies on this machine is nobody's business
    known = {"none": "trained from scratch", "default": "started from ImageNet weights"}
    return known.get(weights, f"started from the weights in {PureWindowsPath(Path(weights).name).name}")


def _versions_now() -> str:
    return f"report with torch {torch.__version__}, Python {platform.python_version()} on {platform.system()}"


def _split_words(dataset: Dataset, config: RunConfig) -> str:
    tops = ((sample.path.split("/")[0].lower(), sample.split) for sample in dataset.samples)
    if all(SPLIT_FOLDERS.get(top) == part for top, part in tops):
        return "by the folders of the data set"
    together = ", copies and bursts kept on one side" if config.data.group_duplicates else ""
    return f"{percent(config.data.val_fraction)} of each class drawn to measure on by seed {config.data.seed}{together}"


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Figures of one class (0..1); `low` and `high` bound the share that is found, by 95 %.

    `num_named` is how often the model names it; precision means nothing where it never does.
    """

    name: str
    precision: float
    recall: float
    f1: float
    num_images: int
    num_named: int
    low: float
    high: float


def class_rows(evaluation: Evaluation) -> list[ClassRow]:
    """Return the classes with the interval of their recall."""
    named = [sum(column) for column in zip(*evaluation.confusion)]
    return [
        ClassRow(
            row.name,
            row.precision,
            row.recall,
            row.f1,
            row.num_images,
            num_named,
            *wilson_interval(evaluation.confusion[label][label], row.num_images),
        )
        for label, (row, num_named) in enumerate(zip(evaluation.per_class, named))
    ]


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of images, and its share (0..1) of those of its class."""

    number: int
    share: float
    is_right: bool


def matrix(evaluation: Evaluation) -> list[tuple[str, list[Cell]]]:
    """Return the confusion matrix row by row: the true class and its cells; nothing where it would be too wide."""
    if len(evaluation.classes) > MOST_IN_MATRIX:
        return []
    return [
        (name, [Cell(number, number / max(1, sum(row)), place == column) for column, number in enumerate(row)])
        for place, (name, row) in enumerate(zip(evaluation.classes, evaluation.confusion))
    ]


def most_confused(evaluation: Evaluation) -> list[tuple[str, str, int]]:
    """Return the confusions that are most frequent: true class, answer and number of images."""
    names = evaluation.classes
    found = [
        (names[place], names[column], number)
        for place, row in enumerate(evaluation.confusion)
        for column, number in enumerate(row)
        if number and place != column
    ]
    return sorted(found, key=lambda pair: -pair[2])[:20]


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """What an error budget costs on the validation images."""

    max_error: float
    is_guaranteed: bool
    threshold: float
    num_answered: int
    num_left: int
    num_wrong: int


def budget_rows(calibration: Calibration) -> Iterator[BudgetRow]:
    """Yield what each budget costs; `is_guaranteed` is False where so few images cannot tell."""
    for max_error in BUDGETS:
        budget = choose_operating_point(calibration.coverage, max_error)
        yield BudgetRow(
            max_error,
            budget.is_guaranteed,
            budget.threshold,
            budget.num_answered,
            budget.num_images - budget.num_answered,
            budget.num_wrong,
        )


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One kind of finding: how many, and the first of them."""

    name: str
    number: int
    examples: tuple[str, ...]


def audit_rows(audit: Audit) -> list[AuditRow]:
    """Return all kinds of findings, found or not."""
    groups = audit.duplicates
    rows = [
        AuditRow(
            "Files that cannot be read",
            len(audit.unreadable),
            tuple(f"{bad.path}: {bad.reason}" for bad in audit.unreadable[:_NUM_EXAMPLES]),
        ),
        _group_row("Groups of the same file", [group for group in groups if group.kind == "exact"]),
        _group_row("Groups of the same picture, otherwise saved", [g for g in groups if g.kind == "near"]),
        _group_row("Groups of shots within seconds", [group for group in groups if group.kind == "burst"]),
        _group_row("Groups whose images stand in different classes", [group for group in groups if group.is_conflict]),
        _group_row("Groups both learnt from and measured on", [g for g in groups if g.crosses_splits]),
    ]
    for kind, words in _ODDITY_WORDS.items():
        odd = [each for each in audit.outliers if each.kind == kind]
        rows.append(AuditRow(words, len(odd), tuple(f"{each.path}: {each.reason}" for each in odd[:_NUM_EXAMPLES])))
    return [
        *rows,
        AuditRow("Giveaways beside what is shown", len(audit.shortcuts), tuple(s.sentence for s in audit.shortcuts)),
    ]


def _group_row(name: str, groups: Sequence[DuplicateGroup]) -> AuditRow:
    return AuditRow(name, len(groups), tuple(_listed(group.paths) for group in groups[:_NUM_EXAMPLES]))


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NUM_IN_GROUP} more" if len(paths) > _NUM_IN_GROUP else ""
    return ", ".join(paths[:_NUM_IN_GROUP]) + more


def duplicate_tiles(audit: Audit, dataset: Dataset, gallery: Gallery) -> list[list[Tile]]:
    """Return the first groups of copies as pictures, those that do harm first."""
    classes = {sample.path: dataset.classes[sample.label] for sample in dataset.samples}
    parts = {sample.path: sample.split for sample in dataset.samples}
    copies = [group for group in audit.duplicates if group.kind != "burst"]
    worst = sorted(copies, key=lambda group: (not group.is_conflict, not group.crosses_splits))
    return [
        [gallery.tile(path, f"{classes[path]} ({parts[path]})", is_small=True) for path in group.paths[:_NUM_IN_GROUP]]
        for group in islice(worst, _NUM_GROUPS)
    ]


def imbalance_words(audit: Audit) -> str:
    """Say how unequal the classes are in number."""
    if audit.imbalance < 1.05:
        return "All classes have about equally many images."
    if audit.imbalance <= 1.5:
        return f"The largest class has {audit.imbalance:.1f} times the images of the smallest, which is even enough."
    return describe_imbalance(audit.imbalance)
