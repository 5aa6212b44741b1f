"""The evaluation that a report shows: that of the end of training, or a new one if images or labels have changed."""

from collections.abc import Generator
from dataclasses import dataclass

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.formatting import count, percent
from engine.ml.evaluation.evaluate import evaluate_samples
from engine.ml.evaluation.evaluation_samples import EvaluationSamples, choose_evaluation_samples
from engine.results.evaluation import Evaluation, read_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.image_folder import require_images
from engine.runs.run_folder import Run


@dataclass(frozen=True)
class CurrentResults:
    """An evaluation, and a sentence about when it was made and on what."""

    evaluation: Evaluation
    note: str


def read_or_update_results(run: Run) -> Generator[Event, None, CurrentResults]:
    """Return the evaluation of the folder as it is now, or that of the end of training if the images are missing.

    Raises:
        EngineError: The run has no results.
    """
    stored = read_evaluation(run.results_path)
    day = read_metadata(run.model_path).created[:10]
    try:
        chosen = yield from choose_evaluation_samples(run.model_path, require_images(run).root)
        if _has_same_images(stored, chosen):
            return CurrentResults(stored, f"Evaluated at the end of training ({day}).")
        evaluation = yield from evaluate_samples(run.model_path, chosen)
    except EngineError:
        note = f"Evaluated at the end of training ({day}); the images cannot be evaluated now."
        return CurrentResults(stored, note)
    return CurrentResults(
        evaluation,
        f"Evaluated on {evaluation.evaluated[:10]}, as images or labels in the folder have changed since training. "
        f"At the end of training ({day}) it was {percent(stored.accuracy, 1)} of "
        f"{count(len(stored.images), 'image')}.",
    )


def _has_same_images(stored: Evaluation, chosen: EvaluationSamples) -> bool:
    """Return whether the images and labels are those of a stored evaluation."""
    labels = {image.path: image.label for image in stored.images}
    unreadable = {image.path for image in stored.unreadable}
    now = {sample.path: stored.classes[sample.label] for sample in chosen.samples if sample.path not in unreadable}
    return labels == now
