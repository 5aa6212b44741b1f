"""Tests of the probe on embeddings."""

import numpy as np
import pytest

from engine.core.errors import EngineError
from engine.ml.evaluation.linear_probe import Labels, Rows, cross_validated, folds_of, probe_probabilities


def clusters(num_each: int, num_classes: int, seed: int = 0, spread: float = 1.0) -> tuple[Rows, Labels]:
    """Return rows (N, 32) in one cloud a class, and their classes."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(0, 2, (num_classes, 32))
    labels = np.repeat(np.arange(num_classes), num_each)
    rows = centres[labels] + generator.normal(0, spread, (len(labels), 32))
    return rows.astype(np.float32), labels


def test_what_is_held_out_is_recognised_and_the_same_each_time() -> None:
    rows, labels = clusters(30, 4)
    said = cross_validated(rows, labels, 4)
    assert (said.argmax(1) == labels).mean() > 0.95
    assert np.allclose(said.sum(1), 1)
    assert np.array_equal(said, cross_validated(rows, labels, 4))


def test_no_image_is_known_from_itself_or_from_its_copy() -> None:
    rows = np.random.default_rng(1).normal(0, 1, (40, 512)).astype(np.float32)
    labels = np.random.default_rng(0).integers(0, 2, 40)  # nothing but memory could tell these
    twice, both = np.concatenate([rows, rows]), np.concatenate([labels, labels])
    pairs = np.tile(np.arange(40), 2)
    honest = (cross_validated(twice, both, 2, groups=pairs).argmax(1) == both).mean()
    flattered = (cross_validated(twice, both, 2).argmax(1) == both).mean()
    assert honest < 0.7 < flattered


def test_folds_spread_each_class_and_keep_groups_together() -> None:
    _, labels = clusters(10, 3)
    folds = folds_of(labels, np.arange(30), seed=0)
    assert all(np.bincount(folds[labels == label], minlength=5).tolist() == [2] * 5 for label in range(3))
    groups = np.arange(30)
    groups[[0, 7, 25]] = 0
    assert len(set(folds_of(labels, groups, seed=0)[[0, 7, 25]].tolist())) == 1


def test_a_class_with_a_single_image_is_survived() -> None:
    rows, labels = clusters(10, 2)
    labels[0] = 2
    said = cross_validated(rows, labels, 3)
    assert said.shape == (20, 3)
    assert said[0, 2] == 0


def test_a_single_class_is_certain_and_a_single_image_a_sentence() -> None:
    rows, labels = clusters(5, 1)
    assert (probe_probabilities(rows, labels, rows, 2)[:, 0] == 1).all()
    with pytest.raises(EngineError, match="too few"):
        cross_validated(rows[:1], labels[:1], 1)
