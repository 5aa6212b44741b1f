"""Train, resume, open, evaluate, report and delete runs."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFile, QObject

from engine import jobs
from engine.core.errors import EngineError
from engine.core.events import EpochDone, RunStarted
from engine.core.locks import is_locked
from engine.core.paths import default_runs_folder
from engine.data.splits import unsplit
from engine.runs.run_folder import Run, interrupted_runs, list_runs, new_run_path, run_prefix
from gui.job import Job
from gui.job_runner import JobRunner
from gui.models.run_record import RunRecord, read_record
from gui.models.run_results import read_run_results
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

    def train(self) -> Job:
        """Train on the open dataset with the settings of the state."""
        dataset = self._state.dataset
        if dataset is None or self._state.training is not None:
            raise RuntimeError("Training needs an open dataset, and only one training can run.")
        config, path = self._state.config, new_run_path(dataset.root)
        if self._datasets.is_checking and not dataset.has_val:
            work = jobs.split_and_train(unsplit(dataset), config, path)  # the duplicates have not been found yet
        else:
            # Unreadable files are removed before the split, so that they do not change the split of the others
            readable = dataset.without(frozenset(bad.path for bad in self._state.audit.unreadable))
            if not dataset.has_val:
                readable = self._datasets.split(unsplit(readable), self._state.audit)
            work = jobs.train(readable, config, path)
        return self._start_training(work)

    def resume(self, run: Run) -> Job:
        """Resume an interrupted or stopped run with its own settings."""
        if self._state.training is not None:
            raise RuntimeError("Only one training can run.")
        self.use_settings(run)
        self.open(run)
        return self._start_training(jobs.resume(run.path), run)

    def stop(self) -> None:
        """Stop the training after the current step; the best model is saved."""
        if self._state.training is not None:
            self._state.training.stop()

    def open(self, run: Run) -> None:
        """Show a run and use its model for further predictions."""
        self._state.set_run(run)
        if run.model_path.is_file():
            self._models.open(run.model_path)

    def open_project(self, folder: Path) -> Job:
        """Open a dataset together with the latest run on it."""
        self.find_latest(folder).succeeded.connect(lambda run: self.open(run) if run is not None else None)
        return self._datasets.open(folder)

    def find_latest(self, folder: Path) -> Job:
        """Find the latest run on a folder that has a model; the result is a Run or None."""
        return self._runner.start_silently(_find_latest(folder.resolve()))

    def find_interrupted(self) -> Job:
        """Find interrupted runs; the result is a list of RunRecord, the latest first."""
        return self._runner.start_silently(_read_interrupted())

    def dismiss(self, run: Run) -> bool:
        """Stop offering an interrupted run for resuming; return whether that worked."""
        try:
            run.mark_stopped()
        except EngineError as error:
            self._runner.failed.emit(error)
            return False
        return True

    def use_settings(self, run: Run) -> None:
        """Use the settings of a run for the next one."""
        try:
            self._state.set_config(run.config)
        except EngineError as error:
            self._runner.failed.emit(error)

    def delete(self, run: Run) -> bool:
        """Move a run folder to the trash; return whether that worked."""
        if is_locked(run.path):
            message = "This run is still running. Stop it first, here or in the other window."
            self._runner.failed.emit(EngineError(message, run.path))
            return False
        if not QFile.moveToTrash(str(run.path)):
            message = "The run could not be moved to the trash. Delete its folder yourself."
            self._runner.failed.emit(EngineError(message, run.path))
            return False
        if self._state.run == run:
            self._state.set_run(None)
        if self._state.model == run.model_path:
            self._state.set_model(None)
        return True

    def read_results(self, run: Run) -> Job:
        """Read the results of a run; the result is a RunResults, the EngineError that prevents it, or None."""
        return self._runner.start_silently(read_run_results(run))

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

    def report(self, run: Run, path: Path) -> Job:
        """Write the report of a run to one HTML file."""
        return self._runner.start("Writing the report", jobs.report(run, path))

    def _start_training(self, work: Generator[Any, None, Any], run: Run | None = None) -> Job:
        """Start a training; `run` is the resumed run, or None for a new one, which its first event names."""
        self._training_run = run
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
                self._state.set_model(self._training_run.model_path)

    def _on_training_finished(self) -> None:
        run = self._training_run
        self._state.set_training(None)
        if run is None:
            return
        self.open(run)  # a stopped or failed run has a best model, too
        done = run.history.done
        if done is not None and done.stopped and run.model_path.is_file():
            job = self._runner.start("Indexing training images", jobs.finalize(run))
            job.succeeded.connect(lambda _: self.open(run) if self._state.run == run else None)


def _find_latest(folder: Path) -> Generator[None, None, Run | None]:
    yield from ()
    prefix = run_prefix(folder)
    for run in list_runs(default_runs_folder()):
        try:
            # Runs are named after their folder, so the split files of all other runs need not be read
            if run.name.startswith(prefix) and run.model_path.is_file() and run.dataset.root.resolve() == folder:
                return run
        except EngineError:  # opening a damaged run reports the error
            continue
    return None


def _read_interrupted() -> Generator[None, None, list[RunRecord]]:
    yield from ()
    return [read_record(run) for run in interrupted_runs(default_runs_folder())]
