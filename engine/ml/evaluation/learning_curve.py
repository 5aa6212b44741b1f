"""Draw a learning curve on kept embeddings and say where it leads."""

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.progress import Ticker
from engine.ml.evaluation.linear_probe import Labels, Rows, embed, reducer, regress
from engine.results.learning_curve import (
    ClassLearningCurve,
    LearningCurve,
    LearningCurvePoint,
    describe_gain,
    write_learning_curve,
)
from engine.runs.run_folder import Run

Floats = npt.NDArray[np.float64]

_SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
_NUM_SEEDS = 6
_NUM_RESAMPLES = 200
_STRENGTH = 0.05  # more than where labels are doubted: a class with few images must be able to speak up
_POWERS = np.linspace(0.05, 2, 40)


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows to learn from and rows to measure on, with their classes."""

    rows: Rows
    labels: Labels
    val_rows: Rows
    val_labels: Labels
    num_classes: int

    def answers(self, chosen: Labels) -> Labels:
        """Return what a probe that learns from the chosen rows says of each row to measure on, shape (M,)."""
        said = regress(self.rows[chosen], self.labels[chosen], self.val_rows, self.num_classes, _STRENGTH)
        result: Labels = said.argmax(1)
        return result


def compute_learning_curve(run: Run) -> Generator[Event, None, LearningCurve]:
    """Return the learning curve of a run, and keep it in the run folder.

    The embeddings are those of the run's own model, which saw all training images: what a better network would make of
    more images comes on top. Raises EngineError where the run has no model or too few images.
    """
    dataset = run.dataset
    if not run.model_path.is_file():
        raise EngineError("This run has no model yet.", run.path)
    train = yield from embed(dataset.root, dataset.of_split("train"), run.model_path)
    val = yield from embed(dataset.root, dataset.of_split("val"), run.model_path)
    pool = reduced(Pool(train.rows, train.labels, val.rows, val.labels, len(dataset.classes)))
    result = yield from measure_learning_curve(pool, dataset.classes)
    write_learning_curve(result, run.path)
    return result


def reduced(pool: Pool) -> Pool:
    """Return the pool with its rows standardised and cut to 128 principal components, once for all subsets."""
    reduce = reducer(pool.rows)
    return replace(pool, rows=reduce.transform(pool.rows), val_rows=reduce.transform(pool.val_rows))


def measure_learning_curve(pool: Pool, classes: tuple[str, ...]) -> Generator[Event, None, LearningCurve]:
    """Return the curve over 1/8 to all of the images, its forecast to twice as many, and the gain of each class."""
    if min(np.bincount(pool.labels, minlength=pool.num_classes)) < 2 or len(pool.labels) < 16:
        raise EngineError("There are too few images for a learning curve: two in every class and 16 in all are needed.")
    num_seeds = max(2, min(_NUM_SEEDS, 120 // pool.num_classes))
    ticker = Ticker("learning_curve", len(_SHARES) + pool.num_classes)
    counts, right = [], []
    for number, share in enumerate(_SHARES, start=1):
        # All images are one subset, whatever the seed
        seeds = range(num_seeds if share < 1 else 1)
        subsets = [_subset(pool.labels, np.full(pool.num_classes, share), seed) for seed in seeds]
        counts.append(round(np.mean([len(subset) for subset in subsets])))
        right.append(np.stack([pool.answers(subset) == pool.val_labels for subset in subsets]))
        yield from ticker.at(number)
    points = tuple(_point(count, hits) for count, hits in zip(counts, right))
    curves = _resampled(right)
    forecast = extrapolate(np.array(counts, float), curves, points[-1].accuracy)
    everything = pool.answers(np.arange(len(pool.labels)))
    per_class = []
    for label, name in enumerate(classes):
        per_class.append(_class_growth(pool, label, name, everything, forecast.shrink, num_seeds))
        yield from ticker.at(len(_SHARES) + label + 1)
    per_class.sort(key=lambda row: (-row.gain, row.name))
    gain, low, high = forecast.gain
    sentence = (
        f"Twice as many images of every class ({forecast.points[-1].num_images:,} to learn from) would bring "
        f"{describe_gain(gain, low, high)}."
    )
    return LearningCurve(
        points=points,
        forecast=forecast.points,
        per_class=tuple(per_class),
        gain=gain,
        low=low,
        high=high,
        num_val=len(pool.val_labels),
        sentence=sentence,
    )


@dataclass(frozen=True, slots=True)
class Forecast:
    """Points from all images to twice as many; the change by then with its 95 % range; and `shrink`.

    `shrink` is by which factor a doubling gains less than the doubling before.
    """

    points: tuple[LearningCurvePoint, ...]
    gain: tuple[float, float, float]
    shrink: float


def extrapolate(counts: Floats, curves: Floats, now: float) -> Forecast:
    """Follow `curves` (B, P), accuracies at `counts` (P,) resampled, to twice the last count.

    To each curve an inverse power law is fitted, error = a n^-b + c (Cortes et al. 1994), and its rise beyond the last
    count is added to where it stands there; `now` is the accuracy measured there.
    """
    ahead = counts[-1] * np.linspace(1, 2, 6)
    scales, powers = fit_laws(counts / counts[-1], 1 - curves)
    rises = scales[:, None] * (1 - (ahead / counts[-1])[None] ** -powers[:, None])
    least, middle, most = np.percentile(rises, [2.5, 50, 97.5], axis=0)
    low, high = np.percentile(np.minimum(1, curves[:, -1:] + rises), [2.5, 97.5], axis=0)
    points = tuple(
        LearningCurvePoint(num_images=round(count), accuracy=min(1.0, now + rise), low=down, high=up)
        for count, rise, down, up in zip(ahead, middle.tolist(), low.tolist(), high.tolist())
    )
    gain = (float(middle[-1]), float(least[-1]), float(most[-1]))
    return Forecast(points, gain, float(np.median(2**-powers)))


def fit_laws(shares: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Fit error = a share^-b + c with a, c >= 0 and b of 0.05 to 2 to each row of `errors` (B, P); return a and b.

    For each b of a grid the rest is linear and solved in closed form. A curve that does not fall gets a = 0.
    """
    best = np.full(len(errors), np.inf)
    scales, powers = np.zeros(len(errors)), np.full(len(errors), 1.0)
    for power in _POWERS:
        x = shares**-power
        centred = x - x.mean()
        scale = np.maximum(0, errors @ centred / (centred @ centred))
        floor = errors.mean(1) - scale * x.mean()
        # Where the errors would fall below zero, the floor is zero
        scale = np.where(floor < 0, errors @ x / (x @ x), scale)
        floor = np.maximum(0, floor)
        misfit = ((scale[:, None] * x + floor[:, None] - errors) ** 2).sum(1)
        is_better = misfit < best - 1e-12
        best = np.where(is_better, misfit, best)
        scales, powers = np.where(is_better, scale, scales), np.where(is_better, power, powers)
    return scales, powers


def _class_growth(
    pool: Pool, label: int, name: str, everything: Labels, shrink: float, num_seeds: int
) -> ClassLearningCurve:
    """Halve one class alone: what its second half brought, times `shrink`, is what as many again would bring."""
    shares = np.ones(pool.num_classes)
    shares[label] = 0.5
    gains, overall = [], []
    generator = np.random.default_rng(label)
    num_val = len(pool.val_labels)
    for seed in range(num_seeds):
        halved = pool.answers(_subset(pool.labels, shares, seed))
        for _ in range(_NUM_RESAMPLES // num_seeds):
            drawn = generator.integers(0, num_val, num_val)
            truth, with_all, with_half = pool.val_labels[drawn], everything[drawn], halved[drawn]
            gains.append(_f1(truth, with_all, label) - _f1(truth, with_half, label))
            overall.append(np.mean(with_all == truth) - np.mean(with_half == truth))
    low, high = (shrink * float(value) for value in np.percentile(gains, [2.5, 97.5]))
    gain = shrink * float(np.mean(gains))
    members = pool.val_labels == label
    return ClassLearningCurve(
        name=name,
        num_images=int((pool.labels == label).sum()),
        recall=float((everything[members] == label).mean()) if members.any() else 0.0,
        gain=gain,
        low=low,
        high=high,
        accuracy_gain=shrink * float(np.mean(overall)),
        words=describe_gain(gain, low, high),
    )


def _f1(truth: Labels, said: Labels, label: int) -> float:
    found = np.sum((truth == label) & (said == label))
    return float(2 * found / max(1, np.sum(truth == label) + np.sum(said == label)))


def _subset(labels: Labels, shares: Floats, seed: int) -> Labels:
    """Return positions of a share of each class, one image at the least."""
    generator = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        positions = np.flatnonzero(labels == label)
        chosen.append(generator.permutation(positions)[: max(1, round(len(positions) * shares[label]))])
    return np.sort(np.concatenate(chosen))


def _resampled(right: list[npt.NDArray[np.bool_]]) -> Floats:
    """Return accuracies (B, P): for each a draw of the validation images and a draw of the seeds."""
    generator = np.random.default_rng(0)
    num_val = right[0].shape[1]
    curves = np.empty((_NUM_RESAMPLES, len(right)))
    for number in range(_NUM_RESAMPLES):
        drawn = generator.integers(0, num_val, num_val)
        for place, hits in enumerate(right):
            seeds = generator.integers(0, len(hits), len(hits))
            curves[number, place] = hits[seeds][:, drawn].mean()
    return curves


def _point(num_images: int, hits: npt.NDArray[np.bool_]) -> LearningCurvePoint:
    curve = _resampled([hits])[:, 0]
    low, high = np.percentile(curve, [2.5, 97.5])
    return LearningCurvePoint(num_images=num_images, accuracy=float(hits.mean()), low=float(low), high=float(high))
