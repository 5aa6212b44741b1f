"""Tests of the confusion matrix and the metrics of each class against scikit-learn on random inputs."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as reference_matrix
from sklearn.metrics import f1_score, precision_recall_fscore_support

from engine.results.confusion_matrix import (
    ClassResult,
    balanced_accuracy,
    check_confusion_matrix,
    class_results,
    confusion_matrix,
    macro_f1,
)

NAMES = ("ant", "bee", "cat", "dog")


def _random_predictions(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    num_images, num_used = int(rng.integers(1, 200)), int(rng.integers(1, len(NAMES) + 1))
    return rng.integers(0, num_used, num_images), rng.integers(0, len(NAMES), num_images)


@pytest.mark.parametrize("seed", range(30))
def test_counts_and_metrics_equal_those_of_scikit_learn(seed: int) -> None:
    labels, predicted = _random_predictions(seed)
    matrix = confusion_matrix(labels, predicted, len(NAMES))
    expected = reference_matrix(labels, predicted, labels=range(len(NAMES)))
    assert np.array_equal(matrix, expected)
    results = class_results(matrix, NAMES)
    reference = precision_recall_fscore_support(labels, predicted, labels=range(len(NAMES)), zero_division=0.0)
    for row, figures in zip(results, np.transpose(reference)):
        if row.num_images:
            assert (row.precision, row.recall, row.f1, row.num_images) == pytest.approx(tuple(figures), rel=1e-12)


def test_a_class_without_images_is_not_measured_in_new_and_old_files() -> None:
    _, bee = class_results(confusion_matrix(np.array([0, 0]), np.array([0, 1]), 2), ("ant", "bee"))
    assert (bee.precision, bee.recall, bee.f1) == (None, None, None)
    old = '{"name": "bee", "precision": 0.0, "recall": 0.0, "f1": 0.0, "num_images": 0}'
    assert ClassResult.model_validate_json(old) == bee


def test_macro_f1_equals_that_of_scikit_learn_when_every_class_has_images() -> None:
    labels, predicted = np.array([0, 1, 2, 3, 3]), np.array([0, 1, 1, 3, 0])
    results = class_results(confusion_matrix(labels, predicted, len(NAMES)), NAMES)
    assert macro_f1(results) == pytest.approx(f1_score(labels, predicted, average="macro"))


def test_macro_f1_ignores_classes_without_images() -> None:
    results = class_results(confusion_matrix(np.array([0, 0]), np.array([0, 0]), 2), ("ant", "bee"))
    assert macro_f1(results) == 1.0
    assert balanced_accuracy(results) == 1.0


@pytest.mark.parametrize("matrix", [((1,),), ((1, 0), (0,)), ((1, 0),)])
def test_a_matrix_that_does_not_fit_its_classes_is_rejected(matrix: tuple[tuple[int, ...], ...]) -> None:
    results = class_results(((1, 0), (0, 1)), ("ant", "bee"))
    with pytest.raises(ValueError, match="does not match"):
        check_confusion_matrix(matrix, results, ("ant", "bee"))


def test_results_of_other_classes_are_rejected() -> None:
    matrix = ((1, 0), (0, 1))
    with pytest.raises(ValueError, match="does not match"):
        check_confusion_matrix(matrix, class_results(matrix, ("ant", "cat")), ("ant", "bee"))
