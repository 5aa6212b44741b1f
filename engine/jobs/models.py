"""Ask models, measure them, and tell what is known of a run."""

import os
from collections.abc import Generator, Sequence
from pathlib import Path

from engine.core.events import Event
from engine.jobs.base import EventStream, from_callable, translate_device_errors
from engine.jobs.datasets import check
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.evaluation import Evaluation
from engine.results.explanation import Explanation
from engine.results.learning_curve import LearningCurve
from engine.results.model_summary import Summary
from engine.results.predictions import Prediction
from engine.results.robustness import RobustnessReport
from engine.runs.run_folder import Run


def evaluate(model: Path, data: Path) -> EventStream[Evaluation]:
    """Judge a model on the validation images of a folder, or on all images where it is not split."""
    from engine.ml.evaluation.evaluate import evaluate_folder

    return (yield from translate_device_errors(evaluate_folder(model, data)))


def predict(
    model: Path, paths: Sequence[Path], num_top: int = 5, max_error: float | None = DEFAULT_MAX_ERROR
) -> Generator[Event | Prediction, None, int]:
    """Answer for image files and for all images inside folders; return how many were asked about.

    Answers among which more than `max_error` (0..1) would be wrong are `unsure`; None answers all.
    """
    from engine.ml.evaluation.predict import predict_paths

    return (yield from translate_device_errors(predict_paths(model, paths, num_top, max_error)))


def test(run: Run) -> EventStream[Evaluation]:
    """Judge the model of a run on the test images, once: a second time gives the first result again."""
    from engine.ml.evaluation.evaluate import evaluate_test

    return (yield from translate_device_errors(evaluate_test(run)))


def learning_curve(path: Path) -> EventStream[LearningCurve]:
    """Return the learning curve of a run folder, what more images would bring, and keep it there."""
    from engine.ml.evaluation.learning_curve import compute_learning_curve

    return (yield from translate_device_errors(compute_learning_curve(Run(path))))


def explain(model: Path, image: Path, label: str | None = None) -> EventStream[Explanation]:
    """Say what in an image speaks for class `label`, or for the model's answer, and which training images are near."""
    from engine.ml.evaluation.explain import explain_image

    return (yield from translate_device_errors(from_callable(lambda: explain_image(model, image, label))))


def draw_explanation(explanation: Explanation, path: Path) -> EventStream[None]:
    """Write the explanation as a figure to `path`."""
    from engine.ml.report.explanation_figure import draw_explanation as draw

    yield from ()
    draw(explanation, path)


def draw_history(run: Run, path: Path) -> EventStream[None]:
    """Draw loss and accuracy over the epochs of a run into a PNG file."""
    from engine.ml.report.history_plot import draw_history as draw

    yield from ()
    draw(run.history, path)


def robustness(run: Run) -> EventStream[RobustnessReport]:
    """Measure a run's model on changed validation images; keep the card in the run folder and return it."""
    from engine.ml.evaluation.robustness import measure_robustness

    return (yield from translate_device_errors(measure_robustness(run)))


def report(run: Run, path: Path) -> EventStream[Path]:
    """Write all that is known of a run into one HTML file that is read without the program; return its path.

    What was not measured before is measured now and kept in the run folder.
    """
    from engine.ml.report.report import write_report

    dataset = run.dataset
    audit = (yield from check(dataset)) if os.path.isdir(dataset.root) else None
    return (yield from translate_device_errors(write_report(run, path, audit)))


def summarize(backbone: str, num_classes: int, image_size: int) -> EventStream[Summary]:
    """Return a network layer by layer."""
    from engine.ml.models.summary import summarize as summarize_layers

    return (
        yield from translate_device_errors(from_callable(lambda: summarize_layers(backbone, num_classes, image_size)))
    )
