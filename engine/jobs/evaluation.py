"""Evaluate models: validation, test set, learning curve and robustness."""

from pathlib import Path

from engine.jobs.base import EventStream, load_torch, translate_device_errors
from engine.results.evaluation import Evaluation
from engine.results.learning_curve import LearningCurve
from engine.results.robustness import RobustnessReport
from engine.runs.run_folder import Run


def evaluate(model: Path, data: Path) -> EventStream[Evaluation]:
    """Evaluate a model on the validation images of a folder, or on all its images if the folder has no split."""
    yield from load_torch()
    from engine.ml.evaluation.evaluate import evaluate_folder

    return (yield from translate_device_errors(evaluate_folder(model, data)))


def test(run: Run) -> EventStream[Evaluation]:
    """Evaluate the model of a run on its test images once; later calls return the saved result."""
    yield from load_torch()
    from engine.ml.evaluation.evaluate import evaluate_test

    return (yield from translate_device_errors(evaluate_test(run)))


def learning_curve(path: Path) -> EventStream[LearningCurve]:
    """Compute the learning curve of the run folder `path`, save it there and return it."""
    yield from load_torch()
    from engine.ml.evaluation.learning_curve import compute_learning_curve

    return (yield from translate_device_errors(compute_learning_curve(Run(path))))


def robustness(run: Run) -> EventStream[RobustnessReport]:
    """Evaluate the model of a run on corrupted validation images; save the report in the run folder and return it."""
    yield from load_torch()
    from engine.ml.evaluation.robustness import measure_robustness

    return (yield from translate_device_errors(measure_robustness(run)))
