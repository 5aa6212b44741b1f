"""Out-of-fold predictions of a linear probe on cached embeddings.

A linear probe is a logistic regression on the embeddings of a frozen network (Alain and Bengio, 2016).
"""

import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.seeds import stable_seed
from engine.data.dataset import Sample
from engine.ml.evaluation.open_model import NON_FINITE_OUTPUTS, open_model
from engine.ml.loading.feature_cache import compute_features
from engine.ml.runtime.threads import single_threaded

Vectors: TypeAlias = npt.NDArray[np.float32]
Labels: TypeAlias = npt.NDArray[np.int64]
Probabilities: TypeAlias = npt.NDArray[np.float64]

NUM_FOLDS = 5
_MAX_COMPONENTS = 128
_MAX_ITERATIONS = 200
_INVERSE_PENALTY = 0.002  # strong regularisation, because a probe that fits wrong labels cannot find them


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Embeddings of the N readable images among some samples."""

    samples: tuple[Sample, ...]
    vectors: Vectors
    """Shape (N, D), float32, in the order of `samples`."""

    @property
    def labels(self) -> Labels:
        """Given label of each image, shape (N,)."""
        return np.array([sample.label for sample in self.samples], np.int64)


def compute_embeddings(root: Path, samples: Sequence[Sample], model_path: Path) -> Generator[Event, None, Embeddings]:
    """Return the embeddings of the samples by the backbone of a model file, from the feature cache where possible.

    Raises:
        EngineError: The model cannot be used, or no image can be read.
    """
    model = open_model(model_path)
    features = yield from compute_features(
        root, samples, model.network.backbone, model.preprocessing, model.device, model.dtype
    )
    if not features.samples:
        raise EngineError("None of the images could be read. Check that the folder still holds them.", root)
    if not features.rows.isfinite().all():
        raise EngineError(NON_FINITE_OUTPUTS, model_path)
    return Embeddings(features.samples, features.rows.flatten(1).float().numpy())


def probe_probabilities(vectors: Vectors, labels: Labels, test_vectors: Vectors, num_classes: int) -> Probabilities:
    """Fit PCA and a probe on `vectors` and return its class probabilities for `test_vectors`.

    Args:
        vectors: Training embeddings, shape (N, D).
        labels: Their classes, shape (N,), 0..K-1.
        test_vectors: Shape (M, D).
        num_classes: K.

    Returns:
        Shape (M, K). A class that is missing from `labels` gets probability 0.
    """
    pca = fit_pca(vectors)
    return fit_logistic_regression(pca.transform(vectors), labels, pca.transform(test_vectors), num_classes)


def fit_pca(vectors: Vectors) -> Pipeline:
    """Return a fitted transform that standardises vectors (N, D) and projects them to at most 128 components."""
    with single_threaded():
        pipeline = make_pipeline(StandardScaler(), PCA(min(_MAX_COMPONENTS, *vectors.shape), random_state=0))
        return pipeline.fit(vectors)


def fit_logistic_regression(
    vectors: Vectors,
    labels: Labels,
    test_vectors: Vectors,
    num_classes: int,
    inverse_penalty: float = _INVERSE_PENALTY,
) -> Probabilities:
    """Fit a logistic regression and return its class probabilities for `test_vectors`.

    Arguments and result are those of `probe_probabilities`; `inverse_penalty` is scikit-learn's C.
    """
    result = np.zeros((len(test_vectors), num_classes))
    present = np.unique(labels)
    if len(present) == 1:
        result[:, present[0]] = 1.0
        return result
    regression = LogisticRegression(C=inverse_penalty, max_iter=_MAX_ITERATIONS)
    with warnings.catch_warnings(), single_threaded():  # on small matrices, synchronising threads costs more
        warnings.simplefilter("ignore", ConvergenceWarning)  # an approximate optimum is enough for a ranking
        regression.fit(vectors, labels)
    result[:, present] = regression.predict_proba(test_vectors)
    return result


def assign_folds(labels: Labels, groups: Labels, seed: int, num_folds: int = NUM_FOLDS) -> Labels:
    """Assign each image to a fold for cross-validation, stratified by class.

    Args:
        labels: Class of each image, shape (N,).
        groups: Group number of each image, shape (N,). A group, such as a set of duplicates, is never divided.
        seed: Seed of the random order.
        num_folds: Number of folds.

    Returns:
        Fold of each image, shape (N,), 0..num_folds-1.
    """
    group_numbers, first_members = np.unique(groups, return_index=True)
    fold_of_group = np.empty(len(group_numbers), np.int64)
    for label in np.unique(labels[first_members]):
        positions = np.flatnonzero(labels[first_members] == label)
        order = np.random.default_rng(stable_seed(seed, int(label))).permutation(len(positions))
        fold_of_group[positions] = (order + label) % num_folds
    result: Labels = fold_of_group[np.searchsorted(group_numbers, groups)]
    return result


def out_of_fold_probabilities(
    vectors: Vectors, labels: Labels, num_classes: int, seed: int = 0, groups: Labels | None = None
) -> Probabilities:
    """Return class probabilities of each image from a probe that was fitted without it and without its group.

    Args:
        vectors: Embeddings, shape (N, D).
        labels: Given labels, shape (N,), 0..K-1.
        num_classes: K.
        seed: Seed of the folds.
        groups: Group number of each image, shape (N,), equal for duplicates; None: every image is its own group.

    Returns:
        Shape (N, K).

    Raises:
        EngineError: There are too few images for two folds.
    """
    folds = assign_folds(labels, np.arange(len(labels)) if groups is None else groups, seed)
    result = np.zeros((len(vectors), num_classes))
    for fold in np.unique(folds):
        is_held_out = folds == fold
        if is_held_out.all():
            raise EngineError("There are too few images to check labels. Add images: each class needs at least two.")
        result[is_held_out] = probe_probabilities(
            vectors[~is_held_out], labels[~is_held_out], vectors[is_held_out], num_classes
        )
    return result
