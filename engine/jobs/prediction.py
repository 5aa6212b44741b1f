"""Classify images and explain predictions."""

from collections.abc import Generator, Sequence
from pathlib import Path

from engine.core.events import Event
from engine.jobs.base import EventStream, from_callable, load_torch, translate_device_errors
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.explanation import Explanation
from engine.results.predictions import Prediction


def predict(
    model: Path, paths: Sequence[Path], num_top: int = 5, max_error: float | None = DEFAULT_MAX_ERROR
) -> Generator[Event | Prediction, None, int]:
    """Yield a prediction for each image file and each image below a folder.

    Args:
        model: The model file.
        paths: Image files and folders.
        num_top: Number of most likely classes in each prediction.
        max_error: Maximum error rate (0..1) among decided images; less confident predictions are `unsure`. None: no
            limit.

    Returns:
        The number of images, unreadable ones included.
    """
    yield from load_torch()
    from engine.ml.evaluation.predict import predict_paths

    return (yield from translate_device_errors(predict_paths(model, paths, num_top, max_error)))


def explain(model: Path, image: Path, label: str | None = None) -> EventStream[Explanation]:
    """Return the heat map of an image for class `label`, or the predicted class, and its nearest training images."""
    yield from load_torch()
    from engine.ml.evaluation.explain import explain_image

    return (yield from translate_device_errors(from_callable(lambda: explain_image(model, image, label))))


def draw_explanation(explanation: Explanation, path: Path) -> EventStream[None]:
    """Write an explanation as a figure to `path`."""
    from engine.ml.report.explanation_figure import draw_explanation as draw

    yield from ()
    draw(explanation, path)
