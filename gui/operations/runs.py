"""Train, resume, open, evaluate, report and delete runs."""

from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFile, QObject

from engine import jobs
from engine.audit.findings import Audit
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.events import EpochDone, RunDone, RunStarted
from engine.core.locks import is_locked
from engine.core.paths import default_runs_folder, is_same_file
from engine.data.dataset import Dataset
from engine.data.splits import unsplit
from engine.jobs.base import EventStream, from_callable
from engine.runs.history import History
from engine.runs.run_comparison import compare_runs
from engine.runs.run_folder import Run, interrupted_runs, list_runs, new_run_path, run_prefix
from gui.job import Job
from gui.job_runner import JobRunner
from gui.latest_job import LatestJob
from gui.models.dataset_summary import split_dataset
from gui.models.run_record import RecordCache, RunRecord, read_record, read_records
from gui.operations.datasets import DatasetOperations
from gui.operations.models import ModelOperations
from gui.state import AppState


class RunOperations(QObject):
    """Follows the one training that may run, and works on the folders of finished runs."""

    def __init__(
        self, runner: JobRunner, state: AppState, datasets: DatasetOperations, models: ModelOperations
    ) -> None:
        super().__init__(runner)
        self._runner, self._state, self._datasets, self._models = runner, state, datasets, models
        self._training_run: Run | None = None
        self._is_stopped = False
        self._finding = LatestJob()

    def train(self) -> Job:
        """Train on the open dataset with the settings of the state."""
        dataset = self._state.dataset
        if dataset is None or self._state.training is not None:
            raise RuntimeError("Training needs an open dataset, and only one training can run.")
        is_grouped = self._datasets.has_current_groups and not self._datasets.is_checking
        audit = self._state.audit if is_grouped or dataset.has_val else None
        return self._start_training(_train(dataset, audit, self._state.config))

    def resume(self, record: RunRecord) -> Job:
        """Resume an interrupted or stopped run with its own settings."""
        if self._state.training is not None:
            raise RuntimeError("Only one training can run.")
        if record.config is not None:
            self._state.set_config(record.config)
        self.open(record.run)
        return self._start_training(jobs.resume(record.run.path), record.run)

    def stop(self) -> None:
        """Stop the training after the current step; the best model is saved."""
        if self._state.training is not None:
            self._state.training.stop()

    def open(self, run: Run) -> None:
        """Show a run and use its model for further predictions."""
        self._finding.discard()
        self._state.set_run(run)
        if run.model_path.is_file():
            self._models.open(run.model_path)

    def open_project(self, folder: Path) -> None:
        """Open a dataset together with the latest run on it."""
        self._datasets.open(folder)
        self._finding.request(
            partial(self.find_latest, folder), lambda run: self._on_latest_found(folder, run) if run else None
        )

    def find_latest(self, folder: Path) -> Job:
        """Find the latest run on a folder that has a model; the result is a Run or None."""
        return self._runner.start_silently(_find_latest(folder))

    def _on_latest_found(self, folder: Path, run: Run) -> None:
        if self._datasets.requested == folder:  # otherwise another folder was opened meanwhile
            self.open(run)

    def find_interrupted(self) -> Job:
        """Find interrupted runs; the result is a list of RunRecord, the latest first."""
        return self._runner.start_silently(_read_interrupted())

    def dismiss(self, run: Run) -> Job:
        """Stop offering an interrupted run for resuming."""
        return self._runner.start_silently(from_callable(run.mark_stopped))

    def read(self, run: Run) -> Job:
        """Read settings and history of a run; the result is a RunRecord."""
        return self._runner.start_silently(from_callable(lambda: read_record(run)))

    def read_all(self, cache: RecordCache) -> Job:
        """Read the runs of the default folder: first an event with all of them, then a RunRecord each."""
        return self._runner.start_silently(read_records(default_runs_folder(), cache))

    def read_earlier(self, num_runs: int) -> Job:
        """Read the histories of the latest runs on the open folder; the result is a list of History."""
        root = self._state.dataset.root if self._state.dataset is not None else None
        return self._runner.start_silently(_read_earlier(root, num_runs))

    def use_settings(self, run: Run) -> Job:
        """Use the settings of a run for the next one."""
        job = self._runner.start_silently(from_callable(lambda: run.config))
        job.succeeded.connect(self._state.set_config)
        return job

    def compare(self, first: Run, second: Run) -> Job:
        """Compare two runs on the images they have in common; the result is a sentence, empty without results."""
        return self._runner.start_silently(_compare(first, second))

    def delete(self, run: Run) -> Job:
        """Move a run folder to the trash."""
        job = self._runner.start_silently(_delete(run))
        job.succeeded.connect(lambda _: self._on_deleted(run))
        return job

    def _on_deleted(self, run: Run) -> None:
        if self._state.run == run:
            self._state.set_run(None)
        self._models.close(run.model_path)

    def load(self, read: Callable[[], object]) -> Job:
        """Read something about a run; the result is that of `read`, or the EngineError that it raises.

        The page shows the error, because the user did not ask for the reading.
        """
        return self._runner.start_silently(_load(read))

    def compute_learning_curve(self) -> Job:
        """Compute the learning curve of the shown run; the result is a LearningCurve."""
        if self._state.run is None:
            raise RuntimeError("A learning curve needs an open run.")
        return self._runner.start("Computing the learning curve", jobs.learning_curve(self._state.run.path))

    def measure_robustness(self, run: Run) -> Job:
        """Evaluate the model of a run on distorted images and save the report in the run folder."""
        return self._runner.start("Measuring robustness", jobs.robustness(run))

    def test(self, run: Run) -> Job:
        """Evaluate the model of a run on the test images."""
        return self._runner.start("Testing", jobs.test(run))

    def find_images(self, run: Run, folder: Path) -> Job:
        """Store where the images of a run are now, and show the run again."""
        job = self._runner.start("Finding the images", jobs.find_images(run, folder))
        job.succeeded.connect(lambda _: self._state.set_run(run) if self._state.run == run else None)
        return job

    def report(self, run: Run, path: Path) -> Job:
        """Write the report of a run to one HTML file."""
        return self._runner.start("Writing the report", jobs.report(run, path))

    def _start_training(self, work: Generator[Any, None, Any], run: Run | None = None) -> Job:
        """Start a training; `run` is the resumed run, or None for a new one, which its first event names."""
        self._training_run, self._is_stopped = run, False
        job = self._runner.start("Training", work)
        job.events_received.connect(self._on_training_events)
        job.finished.connect(self._on_training_finished)
        self._state.set_training(job)
        return job

    def _on_training_events(self, events: list[object]) -> None:
        for event in events:
            if isinstance(event, RunStarted):
                self._training_run = Run(Path(event.run))
                self._state.set_run(self._training_run)
            if isinstance(event, EpochDone) and event.best and self._training_run is not None:
                self._models.open(self._training_run.model_path)
            if isinstance(event, RunDone):
                self._is_stopped = event.stopped

    def _on_training_finished(self) -> None:
        run = self._training_run
        self._state.set_training(None)
        if run is None:
            return
        self.open(run)  # a stopped or failed run has a best model, too
        if self._is_stopped and run.model_path.is_file():
            job = self._runner.start("Indexing training images", jobs.finalize(run))
            job.succeeded.connect(lambda _: self.open(run) if self._state.run == run else None)


def _train(dataset: Dataset, audit: Audit | None, config: RunConfig) -> EventStream[Run]:
    """Split the dataset and train; without an audit the groups are found first.

    With start weights from a file the split is drawn again, because images that they learnt from stay in training.
    """
    path = new_run_path(dataset.root)
    if audit is None or (config.model.weights_path is not None and not dataset.has_val):
        return (yield from jobs.split_and_train(unsplit(dataset), config, path))
    # Unreadable files are removed before the split, so that they do not change the split of the others
    readable = dataset.without(frozenset(bad.path for bad in audit.unreadable))
    return (yield from jobs.train(split_dataset(readable, audit, config.data).dataset, config, path))


def _load(read: Callable[[], object]) -> Generator[None, None, object]:
    yield from ()
    try:
        return read()
    except EngineError as error:
        return error


def _find_latest(folder: Path) -> Generator[None, None, Run | None]:
    yield from ()
    folder = folder.resolve()
    prefix = run_prefix(folder)
    for run in list_runs(default_runs_folder()):
        try:
            # Runs are named after their folder, so the split files of all other runs need not be read
            if run.name.startswith(prefix) and run.model_path.is_file() and is_same_file(run.dataset.root, folder):
                return run
        except EngineError:  # opening a damaged run reports the error
            continue
    return None


def _read_interrupted() -> Generator[None, None, list[RunRecord]]:
    yield from ()
    return [read_record(run) for run in interrupted_runs(default_runs_folder())]


def _read_earlier(root: Path | None, num_runs: int) -> Generator[None, None, list[History]]:
    """Return the histories of the latest runs on a folder, which are recognised by their names."""
    yield from ()
    if root is None:
        return []
    start = f"{run_prefix(root)} "
    runs = [run for run in list_runs(default_runs_folder()) if run.name.startswith(start)]
    return [run.history for run in runs[:num_runs]]


def _compare(first: Run, second: Run) -> Generator[None, None, str]:
    yield from ()
    try:
        return compare_runs(first, second)
    except EngineError:  # a run without results
        return ""


def _delete(run: Run) -> Generator[None, None, None]:
    yield from ()
    if is_locked(run.path):
        raise EngineError("This run is still running. Stop it first, here or in the other window.", run.path)
    if not QFile.moveToTrash(str(run.path)):
        raise EngineError("The run could not be moved to the trash. Delete its folder yourself.", run.path)
