"""Sections of the report that need the images or the model. Each yields progress and can fail without the others."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.progress import Ticker
from engine.data.dataset import Dataset
from engine.ml.evaluation.explain import explain_image
from engine.ml.evaluation.learning_curve import compute_learning_curve
from engine.ml.evaluation.robustness import measure_robustness
from engine.ml.report.gallery import ExplainedImage, Gallery, Tile
from engine.results.evaluation import Evaluation, ImageResult
from engine.results.learning_curve import LearningCurve, read_learning_curve
from engine.results.robustness import CORRUPTION_NAMES, RobustnessReport, read_robustness
from engine.runs.run_folder import Run

Result = TypeVar("Result")

IMAGES_MISSING = "The images are no longer in the folder that the model was trained on, so this section is left out."
_NUM_EXPLAINED = 3


@dataclass(frozen=True)
class Section(Generic[Result]):
    """The result of a section, or a sentence about the reason why it is missing."""

    result: Result | None = None
    error: str = ""


def try_section(events: Generator[Event, None, Result]) -> Generator[Event, None, Section[Result]]:
    """Run a section to its end; an EngineError becomes the error of the section."""
    try:
        return Section((yield from events))
    except EngineError as error:
        return Section(error=error.message)


def has_images(dataset: Dataset) -> bool:
    """Return whether at least one image file of the dataset still exists."""
    return any((dataset.root / sample.path).is_file() for sample in dataset.samples)


def explain_examples(
    run: Run, evaluation: Evaluation, gallery: Gallery
) -> Generator[Event, None, list[ExplainedImage]]:
    """Explain the misclassified and the correct images with the highest confidence, three of each.

    Correct images are of different classes where possible. Unreadable images are skipped.

    Raises:
        EngineError: No image is readable.
    """
    images = [*evaluation.misclassified[:_NUM_EXPLAINED], *_most_confident_correct(evaluation)]
    ticker = Ticker("report", len(images))
    explained: list[ExplainedImage] = []
    for number, image in enumerate(images, start=1):
        try:
            explanation = explain_image(run.model_path, Path(evaluation.root) / image.path, None)
            explained.append(gallery.explained(image, explanation))
        except EngineError:
            if number == len(images) and not explained:
                raise
        yield from ticker.at(number)
    return explained


def _most_confident_correct(evaluation: Evaluation) -> list[ImageResult]:
    correct = sorted((image for image in evaluation.images if not image.is_wrong), key=lambda image: -image.confidence)
    first_of_class = list({image.label: image for image in reversed(correct)}.values())
    first_of_class.sort(key=lambda image: -image.confidence)
    rest = [image for image in correct if image not in first_of_class]
    return [*first_of_class, *rest][:_NUM_EXPLAINED]


def read_or_compute_learning_curve(run: Run) -> Generator[Event, None, LearningCurve]:
    """Return the learning curve saved in the run folder, or compute and save it."""
    curve = read_learning_curve(run.path)
    return curve if curve is not None else (yield from compute_learning_curve(run))


def read_or_measure_robustness(run: Run) -> Generator[Event, None, RobustnessReport]:
    """Return the robustness report saved in the run folder, or measure and save it."""
    if run.robustness_path.is_file():
        return read_robustness(run.robustness_path)
    return (yield from measure_robustness(run))


@dataclass(frozen=True, slots=True)
class RobustnessRow:
    """Accuracy under one kind of corruption."""

    name: str
    levels: tuple[tuple[str, float], ...]
    """Description of each level and accuracy (0..1), by rising severity."""
    first_failure: Tile | None
    """The image that is misclassified at the mildest level."""


def robustness_rows(report: RobustnessReport, gallery: Gallery) -> Iterator[RobustnessRow]:
    """Yield a row for each kind of corruption."""
    for kind in report.kinds:
        trial = report.first_failure(kind)
        tile = None
        if trial is not None and trial.broken is not None:
            caption = f"{trial.broken.label} → {trial.broken.predicted}, {trial.words}"
            tile = gallery.tile(trial.broken.path, caption, is_small=True)
        levels = tuple((each.words, each.accuracy) for each in report.of_kind(kind))
        yield RobustnessRow(CORRUPTION_NAMES[kind], levels, tile)
