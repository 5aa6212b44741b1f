"""Evaluation of a model on one split: metrics and the prediction for each image, stored as results.json."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from pydantic import Field

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import FiniteModel
from engine.core.relative_path import check_relative_path
from engine.core.safe_read import read_text
from engine.data.class_names import ClassNames
from engine.results.calibration import Calibration, calibration_error
from engine.results.confusion_matrix import (
    ClassResult,
    ConfusionMatrix,
    balanced_accuracy,
    check_confusion_matrix,
    macro_f1,
)
from engine.results.statistics import Flags, Floats, Interval, wilson_interval


class ImageResult(FiniteModel):
    """True class, predicted class and confidence (0..1) of one image."""

    path: str
    label: str
    predicted: str
    confidence: float = Field(ge=0, le=1)

    @property
    def is_wrong(self) -> bool:
        """Return True if the image is misclassified."""
        return self.label != self.predicted


class Unreadable(FiniteModel):
    """An image that could not be read, and the reason as a sentence."""

    path: str
    reason: str


class Evaluation(FiniteModel):
    """Metrics of a model on one split. Accuracies are fractions 0..1."""

    root: str
    classes: ClassNames
    loss: float
    accuracy: float
    top5: float
    """Top-5 accuracy; 1 with five classes or fewer."""
    confusion: ConfusionMatrix
    """Rows are true classes, columns are predicted classes."""
    per_class: tuple[ClassResult, ...]
    macro_f1: float = Field(default_factory=lambda fields: macro_f1(fields["per_class"]))
    """Mean F1 of the classes that have images. Unlike accuracy it weights all classes equally."""
    balanced_accuracy: float = Field(default_factory=lambda fields: balanced_accuracy(fields["per_class"]))
    """Mean recall of the classes that have images."""
    images: tuple[ImageResult, ...]
    unreadable: tuple[Unreadable, ...] = ()
    calibration: Calibration | None = None
    """Calibration of the model, fitted on its validation images."""
    evaluated: str = ""
    """UTC time in ISO format; empty in files of older versions."""
    num_left_out: int = Field(0, ge=0)
    """Number of images of the folder that were not counted because the model learnt from them."""

    @property
    def confidences(self) -> Floats:
        """Confidence (0..1) of each prediction, shape (N,)."""
        return np.array([image.confidence for image in self.images])

    @property
    def is_right(self) -> Flags:
        """True for each correct prediction, shape (N,)."""
        return np.array([not image.is_wrong for image in self.images], dtype=bool)

    @property
    def interval(self) -> Interval:
        """95 % confidence interval of the accuracy."""
        return wilson_interval(sum(not image.is_wrong for image in self.images), len(self.images))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error (0..1) on these images."""
        return calibration_error(self.confidences, self.is_right)

    @property
    def misclassified(self) -> list[ImageResult]:
        """Misclassified images, most confident first."""
        return sorted((image for image in self.images if image.is_wrong), key=lambda image: -image.confidence)


def image_rows(images: Iterable[ImageResult]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a CSV table: column names, then path, true class, predicted class, confidence, wrong or not."""
    yield ("path", "label", "predicted", "confidence", "wrong")
    for image in images:
        yield image.path, image.label, image.predicted, f"{image.confidence:.6f}", "yes" if image.is_wrong else "no"


def evaluation_rows(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    """Yield the rows of all images: misclassified ones first, each group sorted by falling confidence."""
    return image_rows(sorted(evaluation.images, key=lambda image: (not image.is_wrong, -image.confidence)))


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write the evaluation atomically as JSON; raises EngineError if it cannot be written."""
    with saving("The results", path):
        write_text_atomic(path, evaluation.model_dump_json())


def read_evaluation(path: Path) -> Evaluation:
    """Read an evaluation; raises EngineError if the file is missing, damaged or contradicts itself."""
    try:
        evaluation = Evaluation.model_validate_json(read_text(path))
        _check(evaluation)
    except (OSError, ValueError) as error:
        raise EngineError("The results of this run are missing or damaged. Evaluate its model again.", path) from error
    return evaluation


def _check(evaluation: Evaluation) -> None:
    """Raise ValueError if classes do not match, or the path of an image leaves the dataset folder."""
    check_confusion_matrix(evaluation.confusion, evaluation.per_class, evaluation.classes)
    if not {name for image in evaluation.images for name in (image.label, image.predicted)} <= set(evaluation.classes):
        raise ValueError("an image has an unknown class")
    for path in [*(image.path for image in evaluation.images), *(image.path for image in evaluation.unreadable)]:
        check_relative_path(path)
