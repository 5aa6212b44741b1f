"""Ask models, measure them, and tell what is known of a run."""

import os
from collections.abc import Generator, Sequence
from pathlib import Path

from engine.core.events import Event
from engine.jobs.base import Work, heavy, once
from engine.jobs.datasets import check
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.evaluation import Evaluation
from engine.results.explanation import Explanation
from engine.results.learning_curve import Growth
from engine.results.model_summary import Summary
from engine.results.predictions import Prediction
from engine.results.robustness import RobustnessCard
from engine.runs.run_folder import Run


def evaluate(model: Path, data: Path) -> Work[Evaluation]:
    """Judge a model on the validation images of a folder, or on all images where it is not split."""
    from engine.ml.evaluation.evaluate import evaluate_folder

    return (yield from heavy(evaluate_folder(model, data)))


def predict(
    model: Path, paths: Sequence[Path], num_top: int = 5, max_error: float | None = DEFAULT_MAX_ERROR
) -> Generator[Event | Prediction, None, int]:
    """Answer for image files and for all images inside folders; return how many were asked about.

    Answers among which more than `max_error` (0..1) would be wrong are `unsure`; None answers all.
    """
    from engine.ml.evaluation.predict import predict_paths

    return (yield from heavy(predict_paths(model, paths, num_top, max_error)))


def test(run: Run) -> Work[Evaluation]:
    """Judge the model of a run on the test images, once: a second time gives the first result again."""
    from engine.ml.evaluation.evaluate import evaluate_test

    return (yield from heavy(evaluate_test(run)))


def growth(path: Path) -> Work[Growth]:
    """Return the learning curve of a run folder, what more images would bring, and keep it there."""
    from engine.ml.evaluation.learning_curve import grow

    return (yield from heavy(grow(Run(path))))


def explain(model: Path, image: Path, label: str | None = None) -> Work[Explanation]:
    """Say what in an image speaks for class `label`, or for the model's answer, and which training images are near."""
    from engine.ml.evaluation.explain import explain_image

    return (yield from heavy(once(lambda: explain_image(model, image, label))))


def draw_explanation(explanation: Explanation, path: Path) -> Work[None]:
    """Write the explanation as a figure to `path`."""
    from engine.ml.report.explanation_figure import draw_explanation as draw

    yield from ()
    draw(explanation, path)


def robustness(run: Run) -> Work[RobustnessCard]:
    """Measure a run's model on changed validation images; keep the card in the run folder and return it."""
    from engine.ml.evaluation.robustness import measure_robustness

    return (yield from heavy(measure_robustness(run)))


def report(run: Run, path: Path) -> Work[Path]:
    """Write all that is known of a run into one HTML file that is read without the program; return its path.

    What was not measured before is measured now and kept in the run folder.
    """
    from engine.ml.report.report import write_report

    dataset = run.dataset
    audit = (yield from check(dataset)) if os.path.isdir(dataset.root) else None
    return (yield from heavy(write_report(run, path, audit)))


def summarize(backbone: str, num_classes: int, image_size: int) -> Work[Summary]:
    """Return a network layer by layer."""
    from engine.ml.models.summary import summarize as summarize_layers

    return (yield from heavy(once(lambda: summarize_layers(backbone, num_classes, image_size))))
