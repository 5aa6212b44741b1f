"""Tables of the report that are computed from the evaluation: classes, confusion matrix, maximum error rates."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.results.calibration import Calibration, choose_operating_point
from engine.results.evaluation import Evaluation
from engine.results.statistics import wilson_interval

MAX_ERRORS = (0.01, 0.02, 0.05, 0.1)
MAX_MATRIX_CLASSES = 25
"""With more classes the matrix is too wide for a page, so the most frequent confusions are listed instead."""
_MAX_CONFUSIONS = 20


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Metrics of one class (0..1)."""

    name: str
    precision: float | None
    """None, like recall and F1, for a class without images."""
    recall: float | None
    f1: float | None
    num_images: int
    num_predicted: int
    """Number of predictions of this class; precision is undefined if it is 0."""
    low: float
    """Lower bound of the 95 % confidence interval of the recall."""
    high: float


def class_rows(evaluation: Evaluation) -> list[ClassRow]:
    """Return the metrics of each class."""
    nums_predicted = [sum(column) for column in zip(*evaluation.confusion)]
    return [
        ClassRow(
            row.name,
            row.precision,
            row.recall,
            row.f1,
            row.num_images,
            num_predicted,
            *wilson_interval(evaluation.confusion[label][label], row.num_images),
        )
        for label, (row, num_predicted) in enumerate(zip(evaluation.per_class, nums_predicted))
    ]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the confusion matrix: number of images, and their share (0..1) of the true class."""

    num_images: int
    share: float
    is_correct: bool


def matrix_rows(evaluation: Evaluation) -> list[tuple[str, list[Cell]]]:
    """Return each true class with its row of the confusion matrix; empty above `MAX_MATRIX_CLASSES` classes."""
    if len(evaluation.classes) > MAX_MATRIX_CLASSES:
        return []
    return [
        (name, [Cell(number, number / max(1, sum(row)), label == column) for column, number in enumerate(row)])
        for label, (name, row) in enumerate(zip(evaluation.classes, evaluation.confusion))
    ]


def most_confused(evaluation: Evaluation) -> list[tuple[str, str, int]]:
    """Return the most frequent confusions: true class, predicted class, number of images."""
    names = evaluation.classes
    confusions = [
        (names[label], names[column], number)
        for label, row in enumerate(evaluation.confusion)
        for column, number in enumerate(row)
        if number and label != column
    ]
    return sorted(confusions, key=lambda confusion: -confusion[2])[:_MAX_CONFUSIONS]


@dataclass(frozen=True, slots=True)
class ErrorLimitRow:
    """Effect of a maximum error rate (0..1) on the validation images."""

    max_error: float
    is_guaranteed: bool
    """False if there are too few validation images to guarantee the rate."""
    threshold: float
    num_answered: int
    num_unsure: int
    num_wrong: int


def error_limit_rows(calibration: Calibration) -> Iterator[ErrorLimitRow]:
    """Yield the effect of each maximum error rate in `MAX_ERRORS`."""
    for max_error in MAX_ERRORS:
        point = choose_operating_point(calibration.coverage, max_error)
        yield ErrorLimitRow(
            max_error,
            point.is_guaranteed,
            point.threshold,
            point.num_answered,
            point.num_images - point.num_answered,
            point.num_wrong,
        )
