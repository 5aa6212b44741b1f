"""What an evaluation found, as plain data that the window and the command line read alike."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from pydantic import Field

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import FiniteModel
from engine.core.relative_path import check_relative_path
from engine.core.safe_read import read_text
from engine.core.spreadsheet import escape_formula
from engine.data.class_names import ClassNames
from engine.results.calibration import Calibration, calibration_error
from engine.results.statistics import Flags, Floats, Interval, wilson_interval


class ImageResult(FiniteModel):
    """One image that was judged: what it is, what it was taken for and how surely (0..1)."""

    path: str
    label: str
    predicted: str
    confidence: float = Field(ge=0, le=1)

    @property
    def is_wrong(self) -> bool:
        """Say whether the image was taken for something else."""
        return self.label != self.predicted


class ClassResult(FiniteModel):
    """Precision, recall and F1 of one class (0..1), and its number of images."""

    name: str
    precision: float
    recall: float
    f1: float
    num_images: int


class Unreadable(FiniteModel):
    """An image that could not be judged, and why."""

    path: str
    reason: str


def _mean_f1(rows: tuple[ClassResult, ...]) -> float:
    present = [row.f1 for row in rows if row.num_images]
    return sum(present) / len(present) if present else 0.0


class Evaluation(FiniteModel):
    """All figures of a model on one split. Accuracies are fractions 0..1."""

    root: str
    classes: ClassNames
    loss: float
    accuracy: float
    top5: float
    """Share of images whose class is among the five likeliest; with five classes or fewer it is 1."""
    confusion: tuple[tuple[int, ...], ...]
    """Row: the true class. Column: the predicted one."""
    per_class: tuple[ClassResult, ...]
    macro_f1: float = Field(default_factory=lambda known: _mean_f1(known["per_class"]))
    """Mean F1 of the classes that have images: with unequal classes, what accuracy does not tell."""
    images: tuple[ImageResult, ...]
    unreadable: tuple[Unreadable, ...] = ()
    calibration: Calibration | None = None
    """What the validation of the model said of its confidences."""

    @property
    def confidences(self) -> Floats:
        """Confidence (0..1) of every answer, shape (N,)."""
        return np.array([image.confidence for image in self.images])

    @property
    def is_right(self) -> Flags:
        """Whether each answer is right, shape (N,)."""
        return np.array([not image.is_wrong for image in self.images], dtype=bool)

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the accuracy."""
        return wilson_interval(self.accuracy, len(self.images))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error (0..1) on these images."""
        return calibration_error(self.confidences, self.is_right)

    @property
    def misclassified(self) -> list[ImageResult]:
        """The images taken for something else, the surest mistakes first."""
        return sorted((image for image in self.images if image.is_wrong), key=lambda image: -image.confidence)

    def images_in_cell(self, label: str, predicted: str) -> list[ImageResult]:
        """Return the images of one cell of the confusion matrix, the surest first."""
        cell = [image for image in self.images if (image.label, image.predicted) == (label, predicted)]
        return sorted(cell, key=lambda image: -image.confidence)


def images_to_csv(images: Iterable[ImageResult]) -> str:
    """Return a table with a header line: file, true class, answer, confidence and whether it is wrong."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(("path", "label", "predicted", "confidence", "wrong"))
    for image in images:
        cells = (image.path, image.label, image.predicted, f"{image.confidence:.6f}", "yes" if image.is_wrong else "no")
        writer.writerow(map(escape_formula, cells))
    return buffer.getvalue()


def evaluation_to_csv(evaluation: Evaluation) -> str:
    """Return every image as a table, the surest mistakes first and the least sure right answers last."""
    return images_to_csv(sorted(evaluation.images, key=lambda image: (not image.is_wrong, -image.confidence)))


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write the evaluation as JSON in one step; raise EngineError where the disk refuses."""
    with saving("The results", path):
        write_text_atomic(path, evaluation.model_dump_json())


def read_evaluation(path: Path) -> Evaluation:
    """Read an evaluation back; raise EngineError where the file is missing or damaged."""
    try:
        evaluation = Evaluation.model_validate_json(read_text(path))
        _check(evaluation)
    except (OSError, ValueError) as error:
        raise EngineError("The results of this run are missing or damaged. Evaluate its model again.", path) from error
    return evaluation


def _check(evaluation: Evaluation) -> None:
    """Raise ValueError where the parts speak of different classes, or an image lies outside of the folder."""
    names = evaluation.classes
    sizes = [len(evaluation.confusion), *map(len, evaluation.confusion)]
    if sizes != [len(names)] * (len(names) + 1) or tuple(row.name for row in evaluation.per_class) != names:
        raise ValueError("there is not a row for each class")
    if not {name for image in evaluation.images for name in (image.label, image.predicted)} <= set(names):
        raise ValueError("an image is of no class")
    for path in [*(image.path for image in evaluation.images), *(image.path for image in evaluation.unreadable)]:
        check_relative_path(path)
