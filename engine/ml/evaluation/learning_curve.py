"""Learning curve of a run: accuracy of a linear probe over the number of training images, with a forecast."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.formatting import quoted_listing
from engine.core.progress import Ticker
from engine.core.time_stamps import now
from engine.data.dataset import Dataset, Sample
from engine.ml.evaluation.evaluation_samples import choose_evaluation_samples
from engine.ml.evaluation.learning_curve_forecast import Floats, forecast_curve
from engine.ml.evaluation.linear_probe import Labels, Vectors, compute_embeddings, fit_logistic_regression, fit_pca
from engine.results.confusion_matrix import confusion_matrix
from engine.results.headline import matrix_headline
from engine.results.learning_curve import (
    ClassLearningCurve,
    LearningCurve,
    LearningCurvePoint,
    describe_gain,
    write_learning_curve,
)
from engine.results.model_metadata import read_metadata
from engine.runs.image_folder import require_images
from engine.runs.run_folder import Run

_SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
"""Sizes of the training subsets, as shares of all training images."""
_NUM_SEEDS = 6
_NUM_RESAMPLES = 200
_INVERSE_PENALTY = 0.05  # weaker regularisation than for label errors, so that small classes are not suppressed
_MIN_PER_CLASS, _MIN_IMAGES = 2, 16


@dataclass(frozen=True, slots=True)
class ProbeData:
    """Embeddings and classes of N training and M validation images."""

    train_vectors: Vectors
    """Shape (N, D)."""
    train_labels: Labels
    """Shape (N,)."""
    val_vectors: Vectors
    """Shape (M, D)."""
    val_labels: Labels
    """Shape (M,)."""
    num_classes: int
    train_groups: Labels
    """Group number of each training image, shape (N,)."""

    def predict(self, positions: Labels) -> Labels:
        """Fit a probe on the training images at `positions`; return the predicted validation classes, shape (M,)."""
        probabilities = fit_logistic_regression(
            self.train_vectors[positions],
            self.train_labels[positions],
            self.val_vectors,
            self.num_classes,
            _INVERSE_PENALTY,
        )
        result: Labels = probabilities.argmax(1)
        return result

    def reduced(self) -> "ProbeData":
        """Return the data with vectors projected to at most 128 principal components of all training images."""
        pca = fit_pca(self.train_vectors)
        return replace(
            self, train_vectors=pca.transform(self.train_vectors), val_vectors=pca.transform(self.val_vectors)
        )


def compute_learning_curve(run: Run) -> Generator[Event, None, LearningCurve]:
    """Compute the learning curve of a run on the embeddings of its model and save it in the run folder.

    The model was trained on all training images. The curve therefore leaves out the gain from better embeddings, which
    more images would bring as well.

    Raises:
        EngineError: The run has no model or too few images.
    """
    root = require_images(run).root
    if not run.model_path.is_file():
        raise EngineError("This run has no model yet. Resume its training first.", run.path)
    classes = read_metadata(run.model_path).classes
    chosen = yield from choose_evaluation_samples(run.model_path, root)
    train = yield from compute_embeddings(root, chosen.training, run.model_path)
    val = yield from compute_embeddings(root, chosen.samples, run.model_path)
    groups = _group_numbers(train.samples, run.dataset)
    data = ProbeData(train.vectors, train.labels, val.vectors, val.labels, len(classes), groups).reduced()
    curve = yield from measure_learning_curve(data, classes)
    write_learning_curve(curve, run.path)
    return curve


def measure_learning_curve(data: ProbeData, classes: tuple[str, ...]) -> Generator[Event, None, LearningCurve]:
    """Measure accuracy at 1/8 to all of the training images, and forecast it for twice as many.

    The gain of each class is estimated by halving that class alone.

    Args:
        data: Embeddings, reduced with `ProbeData.reduced`.
        classes: Names of the classes.

    Raises:
        EngineError: There are fewer than 2 training images in a class or fewer than 16 in all.
    """
    labels, num_classes = data.train_labels, data.num_classes
    counts_of_classes = np.bincount(labels, minlength=num_classes).tolist()
    if min(counts_of_classes) < _MIN_PER_CLASS or len(labels) < _MIN_IMAGES:
        small = [name for name, number in zip(classes, counts_of_classes) if number < _MIN_PER_CLASS]
        lacking = f" There are fewer of {quoted_listing(small)}." if small else ""
        raise EngineError(
            f"There are too few images for a learning curve. Add images: it needs {_MIN_PER_CLASS} for training in "
            f"each class and {_MIN_IMAGES} in all.{lacking}"
        )
    num_seeds = max(2, min(_NUM_SEEDS, 120 // num_classes))
    ticker = Ticker("learning_curve", len(_SHARES) + num_classes)
    counts, hits = [], []
    for number, share in enumerate(_SHARES, start=1):
        # The subset of all images does not depend on the seed
        seeds = range(num_seeds if share < 1 else 1)
        subsets = [_draw_subset(data, np.full(num_classes, share), seed) for seed in seeds]
        counts.append(round(np.mean([len(subset) for subset in subsets])))
        hits.append(np.stack([data.predict(subset) == data.val_labels for subset in subsets]))
        yield from ticker.at(number)
    points = tuple(_point(count, share_hits) for count, share_hits in zip(counts, hits))
    forecast = forecast_curve(np.array(counts, float), _bootstrap(hits), points[-1].accuracy)
    predicted = data.predict(np.arange(len(labels)))
    matrix = confusion_matrix(data.val_labels, predicted, num_classes)
    per_class = []
    for label, name in enumerate(classes):
        per_class.append(_class_curve(data, label, name, predicted, forecast.gain_ratio, num_seeds))
        yield from ticker.at(len(_SHARES) + label + 1)
    per_class.sort(key=lambda row: (-row.gain, row.name))
    gain, low, high = forecast.gain
    return LearningCurve(
        points=points,
        forecast=forecast.points,
        per_class=tuple(per_class),
        gain=gain,
        low=low,
        high=high,
        num_val=len(data.val_labels),
        sentence=f"Expected gain with twice the images of every class ({forecast.points[-1].num_images:,} training "
        f"images): {describe_gain(gain, low, high)}.",
        caveats=tuple(matrix_headline(matrix, classes).caveats()),
        evaluated=now(),
    )


def _class_curve(
    data: ProbeData, label: int, name: str, predicted: Labels, gain_ratio: float, num_seeds: int
) -> ClassLearningCurve:
    """Estimate the gain from doubling one class: the gain from its second half, times `gain_ratio`."""
    shares = np.ones(data.num_classes)
    shares[label] = 0.5
    f1_gains, accuracy_gains = [], []
    generator = np.random.default_rng(label)
    num_val = len(data.val_labels)
    for seed in range(num_seeds):
        predicted_halved = data.predict(_draw_subset(data, shares, seed))
        for _ in range(_NUM_RESAMPLES // num_seeds):
            drawn = generator.integers(0, num_val, num_val)
            truth, full, halved = data.val_labels[drawn], predicted[drawn], predicted_halved[drawn]
            f1_gains.append(_f1(truth, full, label) - _f1(truth, halved, label))
            accuracy_gains.append(np.mean(full == truth) - np.mean(halved == truth))
    low, high = (gain_ratio * float(value) for value in np.percentile(f1_gains, [2.5, 97.5]))
    gain = gain_ratio * float(np.mean(f1_gains))
    members = data.val_labels == label
    return ClassLearningCurve(
        name=name,
        num_images=int((data.train_labels == label).sum()),
        recall=float((predicted[members] == label).mean()) if members.any() else None,
        gain=gain,
        low=low,
        high=high,
        accuracy_gain=gain_ratio * float(np.mean(accuracy_gains)),
        words=describe_gain(gain, low, high) if members.any() else "not measured: no validation images",
    )


def _f1(truth: Labels, predicted: Labels, label: int) -> float:
    num_hits = np.sum((truth == label) & (predicted == label))
    return float(2 * num_hits / max(1, np.sum(truth == label) + np.sum(predicted == label)))


def _group_numbers(samples: Sequence[Sample], dataset: Dataset) -> Labels:
    """Return the group number of each image in the split of a run, shape (N,); one without group has its own number."""
    group_of = {sample.path: sample.group for sample in dataset.samples if sample.group is not None}
    first_own = 1 + max(group_of.values(), default=-1)
    numbers = [group_of.get(sample.path, first_own + row) for row, sample in enumerate(samples)]
    return np.array(numbers, np.int64)


def _draw_subset(data: ProbeData, shares: Floats, seed: int) -> Labels:
    """Return sorted positions of a random share (0..1) of each class, at least one image per class.

    Whole groups are drawn, and a part of the last one, because more images of the same event add less than new events.
    """
    generator = np.random.default_rng(seed)
    subset = []
    for label in np.unique(data.train_labels):
        positions = np.flatnonzero(data.train_labels == label)
        _, group_of = np.unique(data.train_groups[positions], return_inverse=True)
        rank = np.argsort(generator.permutation(group_of.max() + 1))[group_of]
        num_drawn = max(1, round(len(positions) * shares[label]))
        subset.append(positions[np.argsort(rank, kind="stable")][:num_drawn])
    return np.sort(np.concatenate(subset))


def _bootstrap(hits: Sequence[npt.NDArray[np.bool_]]) -> Floats:
    """Return bootstrap accuracies, shape (B, P), by resampling validation images and seeds.

    `hits` holds for each of P subset sizes whether each image is correct, shape (num_seeds, M).
    """
    generator = np.random.default_rng(0)
    num_val = hits[0].shape[1]
    curves = np.empty((_NUM_RESAMPLES, len(hits)))
    for row in range(_NUM_RESAMPLES):
        drawn = generator.integers(0, num_val, num_val)
        for column, share_hits in enumerate(hits):
            seeds = generator.integers(0, len(share_hits), len(share_hits))
            curves[row, column] = share_hits[seeds][:, drawn].mean()
    return curves


def _point(num_images: int, hits: npt.NDArray[np.bool_]) -> LearningCurvePoint:
    low, high = np.percentile(_bootstrap([hits])[:, 0], [2.5, 97.5])
    return LearningCurvePoint(num_images=num_images, accuracy=float(hits.mean()), low=float(low), high=float(high))
