"""Open, check, split and preview the dataset."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from engine import jobs
from engine.audit.findings import Audit
from engine.config.presets import demo_config, suggest_config
from engine.core.paths import home_folder
from engine.data.dataset import Dataset
from engine.data.sample_dataset import write_sample_dataset
from engine.data.splits import split, unsplit
from gui.job import Job
from gui.job_runner import JobRunner
from gui.state import AppState

_RESCAN_DELAY_MS = 1500


class DatasetOperations(QObject):
    """Reads folders in the background and stores the datasets and their audits in the state."""

    def __init__(self, runner: JobRunner, state: AppState) -> None:
        super().__init__(runner)
        self._runner, self._state = runner, state
        self._check: Job | None = None
        self._rescan_timer = QTimer(self)
        self._rescan_timer.setSingleShot(True)
        self._rescan_timer.setInterval(_RESCAN_DELAY_MS)
        self._rescan_timer.timeout.connect(self.rescan)

    @property
    def is_checking(self) -> bool:
        """True if the files of the open dataset are still being checked."""
        return self._check is not None

    @property
    def is_rescan_scheduled(self) -> bool:
        """True if the folder will be read again shortly."""
        return self._rescan_timer.isActive()

    def open(self, path: Path) -> Job:
        """Read a folder, show it, then check its files."""
        job = self._runner.start("Reading the folder", jobs.scan(path))
        job.succeeded.connect(self._on_scanned)
        return job

    def open_sample(self) -> Job:
        """Create the sample dataset and open it."""
        job = self._runner.start("Creating the sample dataset", write_sample_dataset(home_folder() / "sample"))
        job.succeeded.connect(self.open)
        return job

    def set_val_fraction(self, val_fraction: float) -> None:
        """Split the open dataset again with another validation fraction (0..1)."""
        dataset, audit = self._state.dataset, self._state.audit
        self._state.set_config(self._state.config.changed("data", val_fraction=val_fraction))
        if dataset is not None and not dataset.has_val:
            self._state.set_dataset(self.split(unsplit(dataset), audit), audit)

    def split(self, dataset: Dataset, audit: Audit) -> Dataset:
        """Return the dataset split by the settings, with the duplicates of the audit kept on one side."""
        data = self._state.config.data
        groups = [group.paths for group in audit.duplicates] if data.group_duplicates else []
        dataset = replace(dataset, grey_ranges=audit.grey_ranges)
        return split(dataset, data.val_fraction, data.seed, groups)

    def preview(self, num_images: int) -> Job:
        """Augment some training images as the network would receive them."""
        if self._state.dataset is None:
            raise RuntimeError("A preview needs an open dataset.")
        work = jobs.preview(self._state.dataset, self._state.config, num_images)
        return self._runner.start("Preparing the preview", work)

    def schedule_rescan(self) -> None:
        """Read the folder again once the user has paused; each further call restarts the delay."""
        self._rescan_timer.start()

    def cancel_rescan(self) -> None:
        """Drop a scheduled rescan."""
        self._rescan_timer.stop()

    def rescan(self) -> None:
        """Read the open folder again now, because its label log has changed."""
        self.cancel_rescan()
        if self._state.dataset is not None:
            job = self._runner.start("Reading the folder", jobs.scan(self._state.dataset.root))
            job.succeeded.connect(self._on_rescanned)

    def _on_scanned(self, dataset: Dataset) -> None:
        is_sample = dataset.root == home_folder() / "sample"
        if self._state.dataset is None or self._state.dataset.root != dataset.root:
            self._state.set_config(demo_config() if is_sample else suggest_config(dataset))
        self._state.set_dataset(self.split(dataset, Audit()))
        if self._check is not None:
            self._check.stop()
        job = self._runner.start("Checking files", jobs.check(dataset))
        self._check = job
        job.succeeded.connect(lambda audit: self._on_checked(dataset.root, audit))
        job.finished.connect(lambda: self._on_check_finished(job))

    def _on_rescanned(self, dataset: Dataset) -> None:
        if self._state.dataset is not None and self._state.dataset.root == dataset.root:
            self._state.set_dataset(self.split(dataset, self._state.audit), self._state.audit)

    def _on_checked(self, root: Path, audit: Audit) -> None:
        dataset = self._state.dataset
        if dataset is not None and dataset.root == root:
            self._state.set_dataset(dataset if dataset.has_val else self.split(unsplit(dataset), audit), audit)

    def _on_check_finished(self, job: Job) -> None:
        if self._check is job:
            self._check = None
