"""Tests of the linear head that is fitted in closed form."""

import numpy as np
import pytest
from scipy.special import log_softmax

from engine.ml.evaluation.linear_head import LinearHead, fit_linear_head
from engine.ml.evaluation.linear_probe import Labels, Vectors
from tests.engine.ml.evaluation.test_linear_probe import clusters


def accuracy(head: LinearHead, vectors: Vectors, labels: Labels) -> float:
    """Return the share (0..1) of vectors that get the right class."""
    return float((head.logits(vectors).argmax(1) == labels).mean())


def cross_entropy(logits: Vectors, labels: Labels) -> float:
    """Return the mean cross-entropy of logits (N, K)."""
    return -float(log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


@pytest.mark.parametrize("num_each", [1, 2, 6, 40])
def test_new_images_are_classified_with_few_and_with_many_images_per_class(num_each):
    vectors, labels = clusters(num_each, 4)
    head = fit_linear_head(vectors, labels, 4)
    assert head.weight.shape == (4, 32)
    assert head.bias.shape == (4,)
    assert head.weight.dtype == head.bias.dtype == np.float32
    assert accuracy(head, *clusters(50, 4, seed=1)) > 0.97


def test_the_covariance_is_used_where_classes_differ_in_a_direction_of_low_variance():
    generator = np.random.default_rng(0)
    labels = np.arange(400) % 2
    vectors = generator.normal(0, 1, (400, 2)).astype(np.float32)
    vectors[:, 0] += 3 * vectors[:, 1]  # without the covariance, 83 % are right
    vectors[:, 0] += 6 * labels
    head = fit_linear_head(vectors[:200], labels[:200], 2)
    assert accuracy(head, vectors[200:], labels[200:]) > 0.97


def test_logits_are_calibrated():
    vectors, labels = clusters(40, 4, spread=6.0)
    head = fit_linear_head(vectors, labels, 4)
    new_vectors, new_labels = clusters(500, 4, seed=1, spread=6.0)
    logits = head.logits(new_vectors)
    assert cross_entropy(logits, new_labels) < min(cross_entropy(logits * factor, new_labels) for factor in (0.5, 2.0))
    assert head.cv_accuracy == pytest.approx(accuracy(head, new_vectors, new_labels), abs=0.07)


def test_a_frequent_class_is_more_likely():
    vectors, labels = clusters(100, 2, spread=40.0)
    is_kept = (labels == 0) | (np.arange(200) % 10 == 0)
    head = fit_linear_head(vectors[is_kept], labels[is_kept], 2)
    assert (head.logits(clusters(100, 2, seed=1, spread=40.0)[0]).argmax(1) == 0).mean() > 0.9


def test_one_image_per_class_has_no_cross_validated_accuracy():
    vectors, labels = clusters(1, 4)
    assert fit_linear_head(vectors, labels, 4).cv_accuracy is None


def test_shift_and_unit_of_the_embeddings_do_not_matter():
    vectors, labels = clusters(10, 3)
    logits = fit_linear_head(vectors, labels, 3).logits(vectors)
    changed = (1000 * vectors + 500).astype(np.float32)
    assert fit_linear_head(changed, labels, 3).logits(changed) == pytest.approx(logits, abs=1e-2)


def test_a_class_without_images_is_never_predicted():
    vectors, labels = clusters(10, 2)
    head = fit_linear_head(vectors, 2 * labels, 4)
    assert set(head.logits(clusters(50, 4, seed=1)[0]).argmax(1).tolist()) <= {0, 2}
    assert np.isfinite(head.bias).all()
    assert fit_linear_head(vectors[:10], labels[:10], 2).logits(vectors).argmax(1).tolist() == [0] * 20


def test_equal_embeddings_and_constant_columns_give_finite_logits():
    vectors = np.ones((6, 8), np.float32)
    assert np.isfinite(fit_linear_head(vectors, np.arange(6) % 2, 2).logits(vectors)).all()


def test_duplicates_in_one_group_do_not_raise_the_cross_validated_accuracy():
    generator = np.random.default_rng(1)
    vectors, labels = generator.normal(0, 1, (40, 512)).astype(np.float32), generator.integers(0, 2, 40)
    twice, both = np.concatenate([vectors, vectors]), np.concatenate([labels, labels])
    grouped = fit_linear_head(twice, both, 2, groups=np.tile(np.arange(40), 2)).cv_accuracy
    ungrouped = fit_linear_head(twice, both, 2).cv_accuracy
    assert grouped < 0.7 < ungrouped
