"""Tests of the linear probe."""

import numpy as np
import pytest

from engine.core.errors import EngineError
from engine.ml.evaluation.linear_probe import (
    Labels,
    Vectors,
    assign_folds,
    out_of_fold_probabilities,
    probe_probabilities,
)


def clusters(num_each: int, num_classes: int, seed: int = 0, spread: float = 1.0) -> tuple[Vectors, Labels]:
    """Return vectors (N, 32) in one Gaussian cluster per class, and their classes."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(0, 2, (num_classes, 32))
    labels = np.repeat(np.arange(num_classes), num_each)
    vectors = centres[labels] + generator.normal(0, spread, (len(labels), 32))
    return vectors.astype(np.float32), labels


def test_out_of_fold_predictions_are_right_and_reproducible() -> None:
    vectors, labels = clusters(30, 4)
    probabilities = out_of_fold_probabilities(vectors, labels, 4)
    assert (probabilities.argmax(1) == labels).mean() > 0.95
    assert np.allclose(probabilities.sum(1), 1)
    assert np.array_equal(probabilities, out_of_fold_probabilities(vectors, labels, 4))


def test_neither_an_image_nor_its_duplicate_is_in_its_training_folds() -> None:
    vectors = np.random.default_rng(1).normal(0, 1, (40, 512)).astype(np.float32)
    labels = np.random.default_rng(0).integers(0, 2, 40)  # random labels, which can only be memorised
    twice, both = np.concatenate([vectors, vectors]), np.concatenate([labels, labels])
    pairs = np.tile(np.arange(40), 2)
    grouped = (out_of_fold_probabilities(twice, both, 2, groups=pairs).argmax(1) == both).mean()
    ungrouped = (out_of_fold_probabilities(twice, both, 2).argmax(1) == both).mean()
    assert grouped < 0.7 < ungrouped


def test_folds_are_stratified_and_keep_groups_together() -> None:
    _, labels = clusters(10, 3)
    folds = assign_folds(labels, np.arange(30), seed=0)
    assert all(np.bincount(folds[labels == label], minlength=5).tolist() == [2] * 5 for label in range(3))
    groups = np.arange(30)
    groups[[0, 7, 25]] = 0
    assert len(set(assign_folds(labels, groups, seed=0)[[0, 7, 25]].tolist())) == 1


def test_a_class_with_a_single_image_gets_probability_zero() -> None:
    vectors, labels = clusters(10, 2)
    labels[0] = 2
    probabilities = out_of_fold_probabilities(vectors, labels, 3)
    assert probabilities.shape == (20, 3)
    assert probabilities[0, 2] == 0


def test_a_single_class_gets_probability_one_and_a_single_image_raises_an_error() -> None:
    vectors, labels = clusters(5, 1)
    assert (probe_probabilities(vectors, labels, vectors, 2)[:, 0] == 1).all()
    with pytest.raises(EngineError, match="too few"):
        out_of_fold_probabilities(vectors[:1], labels[:1], 1)
