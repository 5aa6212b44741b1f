"""Linear classification head that is fitted to cached embeddings in closed form, without gradient steps.

Linear discriminant analysis (LDA) with a shrunken covariance (Friedman 1989, "Regularized Discriminant Analysis") and a
temperature (Guo et al. 2017). With few images per class it is more accurate than logistic regression on the same
embeddings, see docs/performance.md, Few images. Both strengths are chosen by cross-validation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from engine.ml.evaluation.linear_probe import NUM_FOLDS, Labels, Vectors, assign_folds
from engine.ml.runtime.threads import single_threaded

Floats = npt.NDArray[np.float64]

_SHRINKAGES = (0.1, 0.3, 0.6)
_TOLERANCE = 1.03
"""The strongest shrinkage is chosen whose cross-entropy is at most this multiple of the lowest one.

The lowest one alone depends on the random folds.
"""
_DEFAULT_SHRINKAGE = 0.3
_DEFAULT_SCALE = 2.5
_PRIOR_IMAGES = 1.0
"""Weight of all images together in the mean and the covariance of a class, counted in images of this class."""
_ENOUGH_IMAGES = 1000
"""Number of held out images after which cross-validation ends; more would not change the choice."""
_MISSING_MARGIN = 10.0
"""Distance of the logit of a class without images below the lowest logit of the fitted images."""


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Weights of a linear layer for embeddings; `vectors @ weight.T + bias` are calibrated softmax logits."""

    weight: Vectors
    """Shape (K, D), float32."""
    bias: Vectors
    """Shape (K,), float32."""
    shrinkage: float
    """Weight (0..1) of the spherical part of the covariance."""
    cv_accuracy: float | None
    """Cross-validated accuracy (0..1); None if no class has two groups of images."""

    def logits(self, vectors: Vectors) -> Vectors:
        """Return logits, shape (N, K), float32, of embeddings of shape (N, D)."""
        return vectors @ self.weight.T + self.bias


def fit_linear_head(
    vectors: Vectors, labels: Labels, num_classes: int, groups: Labels | None = None, seed: int = 0
) -> LinearHead:
    """Fit a linear head to embeddings and their classes.

    Args:
        vectors: Embeddings, shape (N, D), float32, finite.
        labels: Their classes, shape (N,), int64, 0..K-1.
        num_classes: K. A class that is missing from `labels` gets zero weights and a bias below all other logits of
            the given embeddings.
        groups: Group number of each image, shape (N,), equal for duplicates, which stay in one fold; None: every image
            is its own group.
        seed: Seed of the folds.

    Returns:
        The head. Its log-probabilities include the shares of the classes in `labels`.
    """
    present, positions = np.unique(labels, return_inverse=True)
    with single_threaded():
        mean, scale = _standardisation(vectors)
        rows = (vectors - mean) / scale
        # Directions in which the embeddings do not vary get no weight, so they can be left out
        basis = np.linalg.qr(rows.T)[0] if len(rows) < rows.shape[1] else None
        reduced = rows if basis is None else rows @ basis
        folds = assign_folds(positions, np.arange(len(labels)) if groups is None else groups, seed)
        statistics = _Statistics.of(reduced, positions, len(present))
        shrinkage, temperature_scale, accuracy = _cross_validate(reduced, positions, folds, statistics)
        weight, bias = statistics.discriminants(shrinkage)
    weight, bias = temperature_scale * weight, temperature_scale * bias + statistics.log_shares()
    weight = (weight if basis is None else weight @ basis.T) / scale
    bias = bias - weight @ mean
    return _with_missing_classes(vectors, weight, bias, present, num_classes, shrinkage, accuracy)


@dataclass(frozen=True, slots=True)
class _Statistics:
    """Sums over images from which the head is computed; sums of images can be subtracted to leave images out."""

    counts: Vectors
    """Number of images of each class, shape (K,)."""
    sums: Vectors
    """Sum of the vectors of each class, shape (K, D)."""
    products: Vectors
    """Sum of the outer products of all vectors, shape (D, D)."""

    @classmethod
    def of(cls, rows: Vectors, labels: Labels, num_classes: int) -> "_Statistics":
        """Return the sums over `rows` (N, D) with classes `labels` (N,)."""
        one_hot = np.eye(num_classes, dtype=rows.dtype)[labels]
        return cls(one_hot.sum(0), one_hot.T @ rows, rows.T @ rows)

    def without(self, other: "_Statistics") -> "_Statistics":
        """Return the sums over all images that are not in `other`."""
        return _Statistics(self.counts - other.counts, self.sums - other.sums, self.products - other.products)

    def log_shares(self) -> Vectors:
        """Return the logarithm of the share of each class, shape (K,)."""
        return np.log(np.maximum(self.counts, 1e-9) / self.counts.sum())  # type: ignore[no-any-return]

    def discriminants(self, shrinkage: float) -> tuple[Vectors, Vectors]:
        """Return weights (K, D) and biases (K,) of LDA without prior probabilities of the classes."""
        counts = self.counts[:, None]
        means = self.sums / np.maximum(counts, 1)
        num_images, mean = self.counts.sum(), self.sums.sum(0) / self.counts.sum()
        within = self.products - means.T @ self.sums
        means = mean + (means - mean) * counts / (counts + _PRIOR_IMAGES)
        total = self.products / num_images - np.outer(mean, mean)
        covariance = within + _PRIOR_IMAGES * total
        covariance /= num_images - np.count_nonzero(self.counts) + _PRIOR_IMAGES
        size = len(covariance)
        variance = max(np.trace(covariance) / size, 1e-12)
        covariance *= 1 - shrinkage
        covariance[np.diag_indices(size)] += shrinkage * variance
        weight = cho_solve(cho_factor(covariance, overwrite_a=True), means.T).T
        return weight, -0.5 * (means * weight).sum(1)


def _standardisation(vectors: Vectors) -> tuple[Vectors, Vectors]:
    """Return mean (D,) and scale (D,) that make the variances of the columns similar.

    The mean variance is added to each variance, because the variance of a column is unreliable with few images.
    """
    variance = vectors.var(0, dtype=float)
    scale = np.sqrt(variance + max(variance.mean(), 1e-12)) * np.sqrt(vectors.shape[1])
    return vectors.mean(0, dtype=float).astype(np.float32), scale.astype(np.float32)


def _cross_validate(
    rows: Vectors, labels: Labels, folds: Labels, all_images: _Statistics
) -> tuple[float, float, float | None]:
    """Return the strongest shrinkage with about the lowest cross-entropy, the factor of its logits, the accuracy."""
    num_classes = len(all_images.counts)
    scores = np.full((len(_SHRINKAGES), len(rows), num_classes), -np.inf)
    log_shares = np.zeros((len(rows), num_classes))
    for is_held_out in _held_out_folds(folds):
        fitted = all_images.without(_Statistics.of(rows[is_held_out], labels[is_held_out], num_classes))
        has_images = fitted.counts > 0
        if has_images.sum() < 2:
            continue
        log_shares[is_held_out] = fitted.log_shares()
        for number, shrinkage in enumerate(_SHRINKAGES):
            weight, bias = fitted.discriminants(shrinkage)
            scores[number, is_held_out] = np.where(has_images, rows[is_held_out] @ weight.T + bias, -np.inf)
    is_measured = np.isfinite(scores[0, np.arange(len(rows)), labels])
    if not is_measured.any() or num_classes < 2:
        return _DEFAULT_SHRINKAGE, _DEFAULT_SCALE, None
    measured, truth, priors = scores[:, is_measured], labels[is_measured], log_shares[is_measured]
    results = [_fit_scale(of_shrinkage, truth, priors) for of_shrinkage in measured]
    limit = _TOLERANCE * min(loss for loss, _ in results)
    best = max(number for number, (loss, _) in enumerate(results) if loss <= limit)
    hits = (results[best][1] * measured[best] + priors).argmax(1) == truth
    return _SHRINKAGES[best], results[best][1], float(hits.mean())


def _held_out_folds(folds: Labels) -> Iterator[npt.NDArray[np.bool_]]:
    """Return for each fold whether an image (N,) is in it, until enough images were held out."""
    num_held_out = 0
    for fold in range(NUM_FOLDS):
        if num_held_out >= _ENOUGH_IMAGES:
            return
        is_held_out = folds == fold
        if is_held_out.any() and not is_held_out.all():
            num_held_out += is_held_out.sum()
            yield is_held_out


def _fit_scale(scores: Floats, labels: Labels, log_shares: Floats) -> tuple[float, float]:
    """Return the lowest cross-entropy of `scores` (N, K) times a factor, and this factor.

    The targets are smoothed (Platt 1999, "Probabilistic Outputs for Support Vector Machines"), because a few images
    that are all right would otherwise lead to an infinite factor.
    """
    num_classes = scores.shape[1]
    smoothing = num_classes / (len(labels) + 2 * num_classes)
    targets = np.eye(num_classes)[labels] * (1 - smoothing) + smoothing / num_classes
    is_possible = np.isfinite(scores)

    def cross_entropy(log_factor: float) -> float:
        log_probabilities = log_softmax(np.exp(log_factor) * scores + log_shares, axis=1)
        return -float((targets * log_probabilities)[is_possible].sum() / len(labels))

    result = minimize_scalar(cross_entropy, bounds=(-7.0, 3.0), method="bounded", options={"xatol": 0.02})
    return float(result.fun), float(np.exp(result.x))


def _with_missing_classes(
    vectors: Vectors,
    weight: Vectors,
    bias: Vectors,
    present: Labels,
    num_classes: int,
    shrinkage: float,
    accuracy: float | None,
) -> LinearHead:
    """Return the head for all classes, given weights (P, D) and biases (P,) of the classes that have images."""
    weight, bias = weight - weight.mean(0), bias - bias.mean()
    all_weights = np.zeros((num_classes, vectors.shape[1]), np.float32)
    all_weights[present] = weight
    lowest = (vectors @ all_weights[present].T + bias).min() if len(present) < num_classes else 0.0
    all_biases = np.full(num_classes, lowest - _MISSING_MARGIN, np.float32)
    all_biases[present] = bias
    return LinearHead(all_weights, all_biases, shrinkage, accuracy)
