"""Open, check, split and preview the dataset."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from engine import jobs
from engine.audit.findings import Audit
from engine.config.presets import DatasetFacts, demo_config
from engine.config.settings import DataConfig, RunConfig
from engine.core.paths import home_folder
from engine.data.dataset import Dataset
from engine.data.sample_dataset import write_sample_dataset
from engine.jobs.base import EventStream, from_callable
from gui.job import Job
from gui.job_runner import JobRunner
from gui.latest_job import LatestJob
from gui.models.dataset_summary import PreparedDataset, split_dataset
from gui.models.finding_rows import make_finding_rows
from gui.state import AppState

_RESCAN_DELAY_MS = 1500


class DatasetOperations(QObject):
    """Reads folders in the background and stores the datasets and their audits in the state.

    Of several requests only the answer to the latest is used, so a folder that takes long does not replace the one
    that was opened after it.
    """

    def __init__(self, runner: JobRunner, state: AppState) -> None:
        super().__init__(runner)
        self._runner, self._state = runner, state
        self.requested: Path | None = None
        """The folder that the user opened last, also while it is being read."""
        self._dataset: Dataset | None = None
        self._audit = Audit()
        self._grouping = _grouping(state.config.data)
        self._opening, self._checking, self._rescanning = LatestJob(), LatestJob(), LatestJob()
        self._splitting = LatestJob(is_serial=True)
        self._rescan_timer = QTimer(self)
        self._rescan_timer.setSingleShot(True)
        self._rescan_timer.setInterval(_RESCAN_DELAY_MS)
        self._rescan_timer.timeout.connect(self.rescan)

    @property
    def is_checking(self) -> bool:
        """True if the split of the state does not yet contain the findings of the check."""
        return self._checking.is_awaited or self._splitting.is_awaited

    @property
    def has_current_groups(self) -> bool:
        """True if the groups of photos were found with the current settings."""
        return self._grouping == _grouping(self._state.config.data)

    @property
    def is_rescan_scheduled(self) -> bool:
        """True if the folder will be read again shortly."""
        return self._rescan_timer.isActive()

    def open(self, path: Path) -> None:
        """Read a folder, show it, then check its files."""
        self.requested = path
        self.cancel_rescan()
        self._rescanning.discard()
        self._opening.request(partial(self._runner.start, "Reading the folder", _scan(path)), self._on_scanned)

    def open_sample(self) -> None:
        """Create the sample dataset and open it."""
        self.requested = home_folder() / "sample"
        work = write_sample_dataset(self.requested)
        self._opening.request(partial(self._runner.start, "Creating the sample dataset", work), self.open)

    def set_val_fraction(self, val_fraction: float) -> None:
        """Split the open dataset again with another validation fraction (0..1)."""
        self._state.change_config("data", val_fraction=val_fraction)
        if self._dataset is not None and not self._dataset.has_val:
            self._split()

    def change(self, dataset: Dataset, changed: Dataset) -> None:
        """Replace `dataset`, as it was before a correction of its labels, by `changed`, and read the folder soon."""
        if self._dataset is dataset:
            self._dataset = changed
            self._split()
        self.schedule_rescan()

    @property
    def unsplit_dataset(self) -> Dataset | None:
        """The open dataset as it was read, with the corrections since."""
        return self._dataset

    def preview(self, num_images: int) -> Job:
        """Augment some training images as the network would receive them."""
        if self._state.dataset is None:
            raise RuntimeError("A preview needs an open dataset.")
        work = jobs.preview(self._state.dataset, self._state.config, num_images)
        return self._runner.start("Preparing the preview", work)

    def describe_findings(self) -> Job:
        """Describe the findings about the open dataset; the result is a list of FindingRow."""
        dataset, audit = self._state.dataset, self._state.audit
        if dataset is None:
            raise RuntimeError("Findings need an open dataset.")
        return self._runner.start_silently(from_callable(lambda: make_finding_rows(dataset, audit)))

    def schedule_rescan(self) -> None:
        """Read the folder again once the user has paused; each further call restarts the delay."""
        self._rescan_timer.start()

    def cancel_rescan(self) -> None:
        """Drop a scheduled rescan."""
        self._rescan_timer.stop()

    def rescan(self) -> None:
        """Read the open folder again now, because its label log has changed."""
        self.cancel_rescan()
        if self._dataset is not None:
            work = jobs.scan(self._dataset.root)
            self._rescanning.request(partial(self._runner.start, "Reading the folder", work), self._on_rescanned)

    def _on_scanned(self, scanned: tuple[Dataset, DatasetFacts]) -> None:
        dataset, facts = scanned
        if self._dataset is None or self._dataset.root != dataset.root:
            self._state.start_config(preset_settings(dataset.root), facts)
        self._dataset, self._audit = dataset, Audit()
        self._split()
        data = self._state.config.data
        self._grouping = _grouping(data)
        work = jobs.check(dataset, data)
        self._checking.request(partial(self._runner.start, "Checking files", work), self._on_checked)

    def _on_rescanned(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._split()

    def _on_checked(self, audit: Audit) -> None:
        self._audit = audit
        self._split()

    def _split(self) -> None:
        """Split the dataset by the settings and show it; a split that is being drawn is dropped."""
        assert self._dataset is not None
        prepare = partial(split_dataset, self._dataset, self._audit, self._state.config.data)
        self._splitting.request(lambda: self._runner.start_silently(from_callable(prepare)), self._show)

    def _show(self, prepared: PreparedDataset) -> None:
        if self._state.dataset is not None:
            self._runner.release(self._state.dataset.samples)
        self._state.set_dataset(prepared)


def preset_settings(root: Path) -> RunConfig:
    """Return the settings that are not left to the presets for a folder: those of the sample dataset, else none."""
    return demo_config() if root == home_folder() / "sample" else RunConfig()


def _scan(path: Path) -> EventStream[tuple[Dataset, DatasetFacts]]:
    """Read a folder and the properties that the presets depend on."""
    dataset = yield from jobs.scan(path)
    return dataset, jobs.read_facts(dataset)


def _grouping(data: DataConfig) -> tuple[str, int | None]:
    return data.group_by, data.group_gap
