"""Open a model, classify images with it and explain its predictions."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject

from engine import jobs
from engine.jobs.base import from_callable
from engine.results.model_metadata import read_metadata
from gui.job import Job
from gui.job_runner import JobRunner
from gui.latest_job import LatestJob
from gui.state import AppState


class ModelOperations(QObject):
    """Uses the model of the state."""

    def __init__(self, runner: JobRunner, state: AppState) -> None:
        super().__init__(runner)
        self._runner, self._state = runner, state
        self._opening = LatestJob()

    def open(self, path: Path) -> None:
        """Read the metadata of a model file and use it for further predictions."""
        work = from_callable(lambda: (path, read_metadata(path)))
        self._opening.request(lambda: self._runner.start_silently(work), lambda opened: self._state.set_model(*opened))

    def close(self, path: Path) -> None:
        """Use no model any longer if `path` is the one in use."""
        if self._state.model == path:
            self._opening.discard()
            self._state.set_model(None)

    def read_backbone(self, weights: Path) -> Job:
        """Read the backbone of a model file that a training starts from; the result is "auto" for other files."""
        return self._runner.start_silently(from_callable(lambda: jobs.read_backbone(weights)))

    def predict(self, paths: Sequence[Path], num_top: int = 5) -> Job:
        """Classify files and folders; the result is the number of images."""
        work = jobs.predict(self._state.require_model(), paths, num_top, self._state.max_error)
        return self._runner.start("Classifying images", work)

    def explain(self, path: Path, label: str | None = None) -> Job:
        """Compute a heat map for a class (default: the predicted one) and the most similar training images."""
        return self._runner.start("Computing explanation", jobs.explain(self._state.require_model(), path, label))

    def compute(self, function: Callable[[], object]) -> Job:
        """Run a function over many predictions or large images in the background; the result is the function's."""
        return self._runner.start_silently(from_callable(function))

    def summarize(self, backbone: str, num_classes: int, image_size: int) -> Job:
        """Summarize a backbone layer by layer."""
        return self._runner.start("Listing layers", jobs.summarize(backbone, num_classes, image_size))
