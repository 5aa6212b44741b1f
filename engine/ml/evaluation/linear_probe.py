"""What a quick probe on kept embeddings says of every image that it has not learnt from."""

import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.seeds import stable_seed
from engine.data.dataset import Sample
from engine.ml.evaluation.predict import NOT_NUMBERS
from engine.ml.loading.feature_cache import compute_features
from engine.ml.models.model_file import load_model
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.runtime.device import choose_device
from engine.ml.runtime.precision import inference_dtype

Rows: TypeAlias = npt.NDArray[np.float32]
Labels: TypeAlias = npt.NDArray[np.int64]
Probabilities: TypeAlias = npt.NDArray[np.float64]

NUM_FOLDS = 5
_MOST_COMPONENTS = 128
_MOST_STEPS = 200
_STRENGTH = 0.002  # strong regularisation: a probe that fits wrong labels cannot doubt them


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What a network says of the readable ones among some samples: rows (N, D) in the order of `samples`."""

    samples: tuple[Sample, ...]
    rows: Rows

    @property
    def labels(self) -> Labels:
        """The class of each, shape (N,)."""
        return np.array([sample.label for sample in self.samples], np.int64)


def embed(root: Path, samples: Sequence[Sample], model_path: Path) -> Generator[Event, None, Embeddings]:
    """Return the embeddings of the samples by the backbone of a model file, kept for the next time.

    Raises EngineError where the model cannot be used or no image can be read.
    """
    model, card = load_model(model_path)
    device = choose_device("auto")
    preprocessing, dtype = Preprocessing.from_metadata(card), inference_dtype(card.precision, device)
    said = yield from compute_features(root, samples, model.backbone, preprocessing, device, dtype, mirrored=False)
    if not said.samples:
        raise EngineError("None of the images could be read.", root)
    if not said.rows.isfinite().all():
        raise EngineError(NOT_NUMBERS, model_path)
    return Embeddings(said.samples, said.rows.flatten(1).float().numpy())


def probe_probabilities(rows: Rows, labels: Labels, asked: Rows, num_classes: int) -> Probabilities:
    """Return class probabilities, shape (M, K), for rows `asked` (M, D) from a probe that learns from `rows` (N, D).

    The probe is a logistic regression on at most 128 principal components. A class that `labels` lack gets zero.
    """
    reduce = reducer(rows)
    return regress(reduce.transform(rows), labels, reduce.transform(asked), num_classes)


def reducer(rows: Rows) -> Any:
    """Return what standardises rows (N, D) and cuts them to at most 128 principal components, fitted to these."""
    with threadpool_limits(1):
        pipeline = make_pipeline(StandardScaler(), PCA(min(_MOST_COMPONENTS, *rows.shape), random_state=0))
        return pipeline.fit(rows)


def regress(rows: Rows, labels: Labels, asked: Rows, num_classes: int, strength: float = _STRENGTH) -> Probabilities:
    """Return class probabilities, shape (M, K), of a logistic regression; a class that `labels` lack gets zero.

    `strength` is the inverse of the penalty.
    """
    result = np.zeros((len(asked), num_classes))
    known = np.unique(labels)
    if len(known) == 1:
        result[:, known[0]] = 1.0
        return result
    regression = LogisticRegression(C=strength, max_iter=_MOST_STEPS)
    with warnings.catch_warnings(), threadpool_limits(1):  # these matrices are small, and threads that wait cost more
        warnings.simplefilter("ignore", ConvergenceWarning)  # close enough for a ranking
        regression.fit(rows, labels)
    result[:, known] = regression.predict_proba(asked)
    return result


def folds_of(labels: Labels, groups: Labels, seed: int, num_folds: int = NUM_FOLDS) -> Labels:
    """Return the fold of each image, shape (N,): seeded, each class spread evenly, as small as it may be.

    Images of one group, such as copies of each other, share a fold, so that none is known from its copy.
    """
    heads, members = np.unique(groups, return_index=True)
    fold_of_group = np.empty(len(heads), np.int64)
    for label in np.unique(labels[members]):
        positions = np.flatnonzero(labels[members] == label)
        order = np.random.default_rng(stable_seed(seed, int(label))).permutation(len(positions))
        fold_of_group[positions] = (order + label) % num_folds
    result: Labels = fold_of_group[np.searchsorted(heads, groups)]
    return result


def cross_validated(
    rows: Rows, labels: Labels, num_classes: int, seed: int = 0, groups: Labels | None = None
) -> Probabilities:
    """Return class probabilities, shape (N, K), of each row from a probe that has seen neither it nor its copies."""
    folds = folds_of(labels, np.arange(len(labels)) if groups is None else groups, seed)
    result = np.zeros((len(rows), num_classes))
    for fold in np.unique(folds):
        held = folds == fold
        if held.all():
            raise EngineError("There are too few images to check labels: two in a class at the least.")
        result[held] = probe_probabilities(rows[~held], labels[~held], rows[held], num_classes)
    return result
