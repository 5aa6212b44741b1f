"""The user's actions: pages say what they want, and it is started here and in the classes this one is built on."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from engine import jobs
from engine.audit.findings import Audit
from engine.audit.review_queue import Review
from engine.config.presets import demo_config, suggest
from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.paths import home_folder
from engine.data.dataset import Dataset
from engine.data.label_overrides import Action, Decision, append, undo
from engine.data.sample_dataset import write_sample
from engine.data.splits import split, unsplit
from engine.runs.run_folder import new_run_path
from gui.delivery_operations import DeliveryOperations
from gui.job import Job
from gui.state import AppState

_RESCAN_AFTER_MS = 1500


class Operations(DeliveryOperations):
    """All that the user can do; what jobs find goes into the state."""

    def __init__(self, state: AppState, parent: QObject | None = None) -> None:
        super().__init__(state, parent)
        self._checking: Job | None = None
        self._rescan_timer = QTimer(self)
        self._rescan_timer.setSingleShot(True)
        self._rescan_timer.setInterval(_RESCAN_AFTER_MS)
        self._rescan_timer.timeout.connect(self._rescan)

    def open_dataset(self, path: Path) -> Job:
        """Read a folder, show it, then check its files."""
        job = self._start("Reading the folder", jobs.scan(path))
        job.succeeded.connect(self._on_scanned)
        return job

    def open_project(self, folder: Path) -> Job:
        """Open a folder as `open_dataset` does, with the latest run on it and its model."""
        self.find_latest(folder).succeeded.connect(lambda run: self.open_run(run) if run is not None else None)
        return self.open_dataset(folder)

    def open_sample(self) -> Job:
        """Draw the sample images and show them."""
        job = self._start("Drawing the sample images", write_sample(home_folder() / "sample"))
        job.succeeded.connect(self.open_dataset)
        return job

    def resplit(self, val_fraction: float) -> None:
        """Set another share of the shown images aside to measure on."""
        dataset = self.state.dataset
        self.state.set_config(self.state.config.changed("data", val_fraction=val_fraction))
        if dataset is not None and not dataset.has_val:
            self.state.set_dataset(self._split(unsplit(dataset), self.state.audit), self.state.audit)

    def train(self) -> Job:
        """Train on the shown folder by the settings of the state."""
        dataset = self.state.dataset
        if dataset is None or self.state.training is not None:
            raise RuntimeError("the page offers training only with a folder open and none under way")
        config, path = self.state.config, new_run_path(dataset.root)
        if self._checking is not None and not dataset.has_val:
            work = jobs.split_and_train(unsplit(dataset), config, path)  # copies are not known yet
        else:
            # Left out before the draw, what cannot be read changes nothing for the others
            readable = dataset.without(frozenset(bad.path for bad in self.state.audit.unreadable))
            parts = readable if dataset.has_val else self._split(unsplit(readable), self.state.audit)
            work = jobs.train(parts, config, path)
        return self._train(work)

    def predict(self, paths: Sequence[Path], num_top: int = 5) -> Job:
        """Classify files and folders with the model of the state."""
        if self.state.model is None:
            raise RuntimeError("the page offers this only with a model")
        return self._start("Classifying", jobs.predict(self.state.model, paths, num_top, self.state.max_error))

    def review(self) -> Job:
        """CamResult for labels that the model of the state doubts."""
        state = self.state
        if state.dataset is None or state.model is None:
            raise RuntimeError("the page offers this only with a folder and a model open")
        dataset = state.dataset
        job = self._start("Looking for wrong labels", jobs.review(dataset, state.model, state.audit))
        job.succeeded.connect(lambda review: self._on_reviewed(dataset.root, review))
        return job

    def rescore(self) -> Job:
        """Measure what the corrections of the opened folder did."""
        state = self.state
        if state.dataset is None or state.model is None:
            raise RuntimeError("the page offers this only with a folder and a model open")
        return self._start("Scoring the labels", jobs.evaluate_corrections(state.dataset, state.model, state.audit))

    def decide(self, path: str, action: Action, class_name: str | None = None) -> bool:
        """Write a decision about an image beside the data and let the folder follow; say whether that worked."""
        dataset = self.state.dataset
        if dataset is None:
            raise RuntimeError("the page offers this only with a folder open")
        try:
            append(dataset.root, path, action, class_name)
        except EngineError as error:
            self.failed.emit(error)
            return False
        if action == "exclude":
            dataset = dataset.without(frozenset((path,)))
        elif class_name in dataset.classes:
            dataset = dataset.relabelled(path, class_name)
        self.state.set_dataset(dataset, self.state.audit)
        self._rescan_timer.start()
        return True

    def undo_decision(self) -> Decision | None:
        """Take back the last decision about the opened folder and return it."""
        if self.state.dataset is None:
            raise RuntimeError("the page offers this only with a folder open")
        try:
            taken_back = undo(self.state.dataset.root)
        except EngineError as error:
            self.failed.emit(error)
            return None
        if taken_back is not None:
            self._rescan_timer.stop()
            self._rescan()
        return taken_back

    def explain(self, path: Path, label: str | None = None) -> Job:
        """Say what in an image speaks for a class, and which training images are near, by the model of the state."""
        if self.state.model is None:
            raise RuntimeError("the page offers this only with a model")
        return self._start("Computing explanation", jobs.explain(self.state.model, path, label))

    def preview(self, num_images: int) -> Job:
        """Draw training images as the network would see them."""
        if self.state.dataset is None:
            raise RuntimeError("the page offers this only with a folder open")
        return self._start("Drawing the preview", jobs.preview(self.state.dataset, self.state.config, num_images))

    def summarize(self, backbone: str, num_classes: int, image_size: int) -> Job:
        """List the layers of a network."""
        return self._start("Listing layers", jobs.summarize(backbone, num_classes, image_size))

    def save_table(self, path: Path, table: str) -> None:
        """Write a CSV table, with the mark that lets spreadsheets read its letters right."""
        try:
            with saving("The table", path):
                write_text_atomic(path, "\ufeff" + table)
        except EngineError as error:
            self.failed.emit(error)

    def shut_down(self) -> None:
        """Ask every job to stop; each saves what it has."""
        self._rescan_timer.stop()
        super().shut_down()

    def _split(self, dataset: Dataset, audit: Audit) -> Dataset:
        data = self.state.config.data
        groups = [group.paths for group in audit.duplicates] if data.group_duplicates else []
        return split(dataset, data.val_fraction, data.seed, groups)

    def _on_scanned(self, dataset: Dataset) -> None:
        is_sample = dataset.root == home_folder() / "sample"
        if self.state.dataset is None or self.state.dataset.root != dataset.root:
            self.state.set_config(demo_config() if is_sample else suggest(dataset))
        self.state.set_dataset(self._split(dataset, Audit()))
        if self._checking is not None:
            self._checking.stop()
        job = self._start("Checking files", jobs.check(dataset))
        self._checking = job
        job.succeeded.connect(lambda audit: self._on_checked(dataset.root, audit))
        job.finished.connect(lambda: self._on_check_finished(job))

    def _rescan(self) -> None:
        # The notes and the class of what was taken back are known by reading the folder anew
        if self.state.dataset is not None:
            job = self._start("Reading the folder", jobs.scan(self.state.dataset.root))
            job.succeeded.connect(self._on_rescanned)

    def _on_rescanned(self, dataset: Dataset) -> None:
        if self.state.dataset is not None and self.state.dataset.root == dataset.root:
            self.state.set_dataset(self._split(dataset, self.state.audit), self.state.audit)

    def _on_reviewed(self, root: Path, review: Review) -> None:
        if self.state.dataset is not None and self.state.dataset.root == root:
            self.state.set_review(review)

    def _on_checked(self, root: Path, audit: Audit) -> None:
        if self.state.dataset is not None and self.state.dataset.root == root:
            dataset = self.state.dataset
            parts = dataset if dataset.has_val else self._split(unsplit(dataset), audit)
            self.state.set_dataset(parts, audit)

    def _on_check_finished(self, job: Job) -> None:
        if self._checking is job:
            self._checking = None
