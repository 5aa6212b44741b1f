"""Confusion matrix, and the precision, recall and F1 of each class computed from it."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from engine.core.records import FiniteModel

ConfusionMatrix: TypeAlias = tuple[tuple[int, ...], ...]
"""Numbers of images, shape (K, K): row i, column j counts images of class i that were predicted as class j."""


class ClassResult(FiniteModel):
    """Precision, recall and F1 of one class (0..1), and its number of images.

    A class without images is not measured: the three are then None. Files of older versions hold 0.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    num_images: int

    @model_validator(mode="before")
    @classmethod
    def _without_images(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("num_images") == 0:
            return fields | {"precision": None, "recall": None, "f1": None}
        return fields


def confusion_matrix(
    labels: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer], num_classes: int
) -> ConfusionMatrix:
    """Count the images of each pair of true and predicted class.

    Args:
        labels: True classes, integers in 0..K-1, shape (N,).
        predicted: Predicted classes, integers in 0..K-1, shape (N,).
        num_classes: K.
    """
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return tuple(tuple(row) for row in cells.reshape(num_classes, num_classes).tolist())


def class_results(matrix: ConfusionMatrix, names: tuple[str, ...]) -> tuple[ClassResult, ...]:
    """Return precision, recall and F1 of each class.

    All are None for a class without images; otherwise each is 0 when its denominator is 0.
    """
    counts = np.array(matrix, np.int64).reshape(len(names), len(names))
    correct, actual, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
    return tuple(
        ClassResult(
            name=name,
            precision=_ratio(num_correct, num_predicted),
            recall=_ratio(num_correct, num_actual),
            f1=_ratio(2 * num_correct, num_predicted + num_actual),
            num_images=num_actual,
        )
        for name, num_correct, num_actual, num_predicted in zip(
            names, correct.tolist(), actual.tolist(), predicted.tolist()
        )
    )


def macro_f1(results: tuple[ClassResult, ...]) -> float:
    """Return the mean F1 (0..1) of the classes that have images."""
    return _mean([result.f1 for result in results if result.f1 is not None])


def balanced_accuracy(results: tuple[ClassResult, ...]) -> float:
    """Return the mean recall (0..1) of the classes that have images."""
    return _mean([result.recall for result in results if result.recall is not None])


def check_confusion_matrix(matrix: ConfusionMatrix, results: tuple[ClassResult, ...], names: tuple[str, ...]) -> None:
    """Raise ValueError if the matrix is not square, or a class has no row or no result."""
    sizes = [len(matrix), *map(len, matrix)]
    if sizes != [len(names)] * (len(names) + 1) or tuple(result.name for result in results) != names:
        raise ValueError("the confusion matrix does not match the classes")


def _mean(figures: list[float]) -> float:
    return sum(figures) / len(figures) if figures else 0.0


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0
