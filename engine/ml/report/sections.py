"""The parts of a report that ask the images or the model anew. Each yields progress and may fail without the others."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from engine.audit.findings import Audit
from engine.audit.review_queue import Review
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.progress import Ticker
from engine.data.dataset import Dataset
from engine.ml.evaluation.explain import explain_image
from engine.ml.evaluation.label_errors import review_labels
from engine.ml.evaluation.learning_curve import compute_learning_curve
from engine.ml.evaluation.robustness import measure_robustness
from engine.ml.report.gallery import Gallery, Reason, Tile
from engine.results.evaluation import Evaluation, ImageResult
from engine.results.learning_curve import LearningCurve, read_learning_curve
from engine.results.robustness import CORRUPTION_NAMES, RobustnessReport, read_robustness
from engine.runs.run_folder import Run

Result = TypeVar("Result")

GONE = "The images are no longer where they were when the model was trained, so this part is left out."
_NUM_REASONS = 3


@dataclass(frozen=True)
class Part(Generic[Result]):
    """What a part found, or in a sentence why there is nothing."""

    found: Result | None = None
    missing: str = ""


def attempt(work: Generator[Event, None, Result]) -> Generator[Event, None, Part[Result]]:
    """Pull a part to its end; one that cannot be made becomes the sentence that says why."""
    try:
        found = yield from work
    except EngineError as error:
        return Part(missing=error.message)
    return Part(found)


def has_images(dataset: Dataset) -> bool:
    """Say whether any image of the data set is still there."""
    return any((dataset.root / sample.path).is_file() for sample in dataset.samples)


def explanations(run: Run, evaluation: Evaluation, gallery: Gallery) -> Generator[Event, None, list[Reason]]:
    """Explain the surest mistakes and as many of the surest right answers, of different classes where there are.

    An image that is gone is passed over; raises EngineError where that leaves none.
    """
    chosen = [*evaluation.misclassified[:_NUM_REASONS], *_surest_right(evaluation)]
    ticker = Ticker("report", len(chosen))
    reasons: list[Reason] = []
    for number, image in enumerate(chosen, start=1):
        try:
            explanation = explain_image(run.model_path, Path(evaluation.root) / image.path, None)
            reasons.append(gallery.reason(image, explanation))
        except EngineError:
            if number == len(chosen) and not reasons:
                raise
        yield from ticker.at(number)
    return reasons


def _surest_right(evaluation: Evaluation) -> list[ImageResult]:
    right = sorted((image for image in evaluation.images if not image.is_wrong), key=lambda image: -image.confidence)
    one_each = list({image.label: image for image in reversed(right)}.values())
    one_each.sort(key=lambda image: -image.confidence)
    others = [image for image in right if image not in one_each]
    return [*one_each, *others][:_NUM_REASONS]


def doubted_labels(run: Run, dataset: Dataset, audit: Audit | None) -> Generator[Event, None, Review]:
    """Return the labels that the model's embeddings speak against."""
    return (yield from review_labels(dataset, run.model_path, audit or Audit()))


def learning_curve(run: Run) -> Generator[Event, None, LearningCurve]:
    """Return the kept learning curve, or draw it."""
    kept = read_learning_curve(run.path)
    return kept if kept is not None else (yield from compute_learning_curve(run))


def robustness_card(run: Run) -> Generator[Event, None, RobustnessReport]:
    """Return the kept card, or measure it."""
    if run.robustness_path.is_file():
        return read_robustness(run.robustness_path)
    return (yield from measure_robustness(run))


@dataclass(frozen=True, slots=True)
class RobustnessRow:
    """One kind of change: accuracy (0..1) at each strength in words, and the image that breaks first."""

    name: str
    levels: tuple[tuple[str, float], ...]
    broken: Tile | None


def robustness_rows(card: RobustnessReport, gallery: Gallery) -> Iterator[RobustnessRow]:
    """Yield a row for each kind of change."""
    for kind in card.kinds:
        trial = card.first_failure(kind)
        tile = None
        if trial is not None and trial.broken is not None:
            words = f"{trial.broken.label} → {trial.broken.predicted}, {trial.words}"
            tile = gallery.tile(trial.broken.path, words, is_small=True)
        levels = tuple((each.words, each.accuracy) for each in card.of_kind(kind))
        yield RobustnessRow(CORRUPTION_NAMES[kind], levels, tile)
