"""What the window is about right now. Pages read it, operations change it."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.audit.findings import Audit
from engine.audit.review_queue import Review
from engine.config.settings import RunConfig
from engine.data.dataset import Dataset
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.runs.run_folder import Run
from gui.job import Job


class AppState(QObject):
    """A handful of properties, each with a signal that is emitted when it gets another value."""

    dataset_changed = Signal()
    review_changed = Signal()
    config_changed = Signal()
    run_changed = Signal()
    model_changed = Signal()
    training_changed = Signal()
    max_error_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._dataset: Dataset | None = None
        self._audit = Audit()
        self._review: Review | None = None
        self._config = RunConfig()
        self._run: Run | None = None
        self._model: Path | None = None
        self._training: Job | None = None
        self._max_error: float | None = DEFAULT_MAX_ERROR

    @property
    def dataset(self) -> Dataset | None:
        """The opened folder, already split by the settings."""
        return self._dataset

    @property
    def audit(self) -> Audit:
        """What the check of the folder has found; nothing before it is over."""
        return self._audit

    def set_dataset(self, dataset: Dataset | None, audit: Audit = Audit()) -> None:  # noqa: B008 - frozen
        """Show another folder, or the same after a check or another split."""
        before, self._dataset, self._audit = self._dataset, dataset, audit
        if before is not None and (dataset is None or dataset.root != before.root):
            self.set_review(None)
        self.dataset_changed.emit()

    @property
    def review(self) -> Review | None:
        """Which labels of the opened folder a model doubts, or None where that was not asked yet."""
        return self._review

    def set_review(self, review: Review | None) -> None:
        """Show which labels are doubted."""
        if review is not self._review:
            self._review = review
            self.review_changed.emit()

    @property
    def config(self) -> RunConfig:
        """The settings of the next run."""
        return self._config

    def set_config(self, config: RunConfig) -> None:
        """Take other settings for the next run."""
        if config != self._config:
            self._config = config
            self.config_changed.emit()

    @property
    def run(self) -> Run | None:
        """The run whose curves and results are shown."""
        return self._run

    def set_run(self, run: Run | None) -> None:
        """Show another run, or the same one with new files."""
        self._run = run
        self.run_changed.emit()

    @property
    def model(self) -> Path | None:
        """The model file that dropped images are put to."""
        return self._model

    def require_model(self) -> Path:
        """Return the model file; raise RuntimeError if none is open, because pages offer the action only with one."""
        if self._model is None:
            raise RuntimeError("This action needs an open model.")
        return self._model

    def set_model(self, model: Path | None) -> None:
        """Put dropped images to another model file, or to the same one, rewritten."""
        self._model = model
        self.model_changed.emit()

    @property
    def training(self) -> Job | None:
        """The training under way, if any; one at a time."""
        return self._training

    def set_training(self, job: Job | None) -> None:
        """Tell that a training has begun or ended."""
        self._training = job
        self.training_changed.emit()

    @property
    def max_error(self) -> float | None:
        """The share of wrong ones (0..1) that the user allows among answers; None: every image is answered."""
        return self._max_error

    def set_max_error(self, max_error: float | None) -> None:
        """Allow another share."""
        if max_error != self._max_error:
            self._max_error = max_error
            self.max_error_changed.emit()
