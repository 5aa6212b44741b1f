"""State of the window: dataset, settings, run, model and training. Pages read it, operations change it."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.audit.findings import Audit
from engine.audit.review_queue import Review
from engine.config.preset_differences import FieldKey, find_differences, with_network_choice, without
from engine.config.presets import DatasetFacts, resolve
from engine.config.settings import RunConfig
from engine.data.dataset import Dataset
from engine.data.pixels.grey_range import GreyRanges
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.model_metadata import ModelMetadata
from engine.runs.run_folder import Run
from gui.job import Job
from gui.models.dataset_summary import DatasetSummary, PreparedDataset


class AppState(QObject):
    """Properties that emit a signal whenever they change."""

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
        self._summary: DatasetSummary | None = None
        self._review: Review | None = None
        self._start, self._settings, self._facts = RunConfig(), RunConfig(), DatasetFacts(0)
        self._config = resolve(self._settings, self._facts)
        self._run: Run | None = None
        self._model: Path | None = None
        self._model_metadata: ModelMetadata | None = None
        self._training: Job | None = None
        self._max_error: float | None = DEFAULT_MAX_ERROR

    @property
    def dataset(self) -> Dataset | None:
        """The open dataset, split by the settings."""
        return self._dataset

    @property
    def audit(self) -> Audit:
        """Findings of the check of the dataset; empty until the check has finished."""
        return self._audit

    @property
    def summary(self) -> DatasetSummary | None:
        """Numbers of images of the open dataset."""
        return self._summary

    def set_dataset(self, prepared: PreparedDataset | None) -> None:
        """Replace the dataset, also when only its split or audit has changed."""
        dataset = prepared.dataset if prepared is not None else None
        previous, self._dataset = self._dataset, dataset
        self._audit = prepared.audit if prepared is not None else Audit()
        self._summary = prepared.summary if prepared is not None else None
        if previous is not None and (dataset is None or dataset.root != previous.root):
            self.set_review(None)
        self.dataset_changed.emit()

    @property
    def review(self) -> Review | None:
        """Suspected wrong labels of the open dataset; None before they have been searched for."""
        return self._review

    def set_review(self, review: Review | None) -> None:
        """Replace the suspected wrong labels."""
        if review is not self._review:
            self._review = review
            self.review_changed.emit()

    @property
    def config(self) -> RunConfig:
        """The settings of the next run: those that the user chose, and presets for the others."""
        return self._config

    @property
    def settings(self) -> RunConfig:
        """The settings that the user chose; the other fields are not set."""
        return self._settings

    def start_config(self, settings: RunConfig, facts: DatasetFacts) -> None:
        """Start from the settings for a newly opened folder.

        Args:
            settings: Settings that are not left to the presets, although the user did not choose them.
            facts: Properties of the dataset that the presets depend on.
        """
        self._start, self._facts = settings, facts
        self.set_config(settings)

    def set_config(self, settings: RunConfig) -> None:
        """Replace the settings that the user chose."""
        self._settings = settings
        config = resolve(self._settings, self._facts)
        if config != self._config:
            self._config = config
            self.config_changed.emit()

    def change_config(self, section: str, **values: object) -> None:
        """Choose values for fields of one section of the settings.

        Raises:
            pydantic.ValidationError: A value is not allowed.
        """
        self.set_config(self._settings.changed(section, **values))

    def choose_network(self, backbone: str, weights: str) -> None:
        """Choose a backbone, or "auto", and its weights; what the user did not choose follows from them."""
        settings, self._start = with_network_choice(self._settings, self._start, self._facts, backbone, weights)
        self.set_config(settings)

    def preset_differences(self) -> dict[FieldKey, dict[FieldKey, object]]:
        """Return the fields whose chosen values make a difference to the presets, see `find_differences`."""
        return find_differences(self._settings, self._start, self._facts)

    def reset_fields(self, fields: Iterable[FieldKey]) -> None:
        """Leave these fields to the presets."""
        self.set_config(without(self._settings, self._start, fields))

    @property
    def run(self) -> Run | None:
        """The shown run."""
        return self._run

    def set_run(self, run: Run | None) -> None:
        """Replace the shown run, also when only its files have changed."""
        self._run = run
        self.run_changed.emit()

    @property
    def model(self) -> Path | None:
        """The model file used for predictions."""
        return self._model

    def require_model(self) -> Path:
        """Return the model file; raise RuntimeError if none is open, because pages offer the action only with one."""
        if self._model is None:
            raise RuntimeError("This action needs an open model.")
        return self._model

    @property
    def model_metadata(self) -> ModelMetadata | None:
        """Metadata of the model file."""
        return self._model_metadata

    def set_model(self, model: Path | None, metadata: ModelMetadata | None = None) -> None:
        """Replace the model file and its metadata, also when only its content has changed."""
        self._model, self._model_metadata = model, metadata
        self.model_changed.emit()

    @property
    def grey_ranges(self) -> GreyRanges | None:
        """Ranges for showing images with more than 8 bits per channel: those of the dataset, else of the model."""
        if self._dataset is not None and self._dataset.grey_ranges not in (None, GreyRanges()):
            return self._dataset.grey_ranges
        return GreyRanges() if self._model_metadata is None else self._model_metadata.grey_ranges

    @property
    def training(self) -> Job | None:
        """The running training, if any."""
        return self._training

    def set_training(self, job: Job | None) -> None:
        """Set the running training, or None when it has ended."""
        self._training = job
        self.training_changed.emit()

    @property
    def max_error(self) -> float | None:
        """Maximum error rate (0..1) among answered images; None for no limit."""
        return self._max_error

    def set_max_error(self, max_error: float | None) -> None:
        """Replace the maximum error rate."""
        if max_error != self._max_error:
            self._max_error = max_error
            self.max_error_changed.emit()
