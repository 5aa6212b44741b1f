"""What the user can do with runs and their models."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFile, QObject

from engine import jobs
from engine.core.errors import EngineError
from engine.core.events import EpochDone, RunStarted
from engine.core.locks import is_locked
from engine.core.paths import default_runs_folder
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run, interrupted_runs, list_runs
from gui.job import Job
from gui.job_runner import JobRunner
from gui.models.run_record import RunRecord, read_record
from gui.state import AppState


class RunOperations(JobRunner):
    """Follows a training, takes up what was cut off, and opens, measures, reports and deletes runs."""

    def __init__(self, state: AppState, parent: QObject | None = None) -> None:
        super().__init__(state, parent)
        self._trained: Run | None = None

    def find_interrupted(self) -> Job:
        """CamResult for runs that were cut off; the result is a list of RunRecord, the latest first."""
        return self._start_silently(_read_interrupted())

    def find_latest(self, folder: Path) -> Job:
        """CamResult for the latest run on a folder that has a model; the result is a Run or None."""
        return self._start_silently(_find_latest(folder.resolve()))

    def resume(self, run: Run) -> Job:
        """Go on with a run that was cut off or stopped, by its own settings."""
        if self.state.training is not None:
            raise RuntimeError("the page offers this only while no training is under way")
        self.use_settings_of(run)
        self.open_run(run)
        return self._train(jobs.resume(run.path), run)

    def mark_stopped(self, run: Run) -> bool:
        """Let a run that was cut off be, and do not offer it again; say whether that worked."""
        try:
            run.mark_stopped()
        except EngineError as error:
            self.failed.emit(error)
            return False
        return True

    def stop_training(self) -> None:
        """End the training after this step and keep the best model."""
        if self.state.training is not None:
            self.state.training.stop()

    def grow(self) -> Job:
        """Draw the learning curve of the shown run."""
        if self.state.run is None:
            raise RuntimeError("the page offers this only with a run")
        return self._start("Drawing the learning curve", jobs.learning_curve(self.state.run.path))

    def measure_robustness(self, run: Run) -> Job:
        """Measure a run's model on changed images; the card lies in the run folder then."""
        return self._start("Measuring robustness", jobs.robustness(run))

    def test(self, run: Run) -> Job:
        """Measure the model of a run on the test images."""
        return self._start("Testing", jobs.test(run))

    def report(self, run: Run, path: Path) -> Job:
        """Write all that is known of a run into one HTML file."""
        return self._start("Writing the report", jobs.report(run, path))

    def open_model(self, path: Path) -> None:
        """Put dropped images to the model in a file."""
        try:
            read_metadata(path)
        except EngineError as error:
            self.failed.emit(error)
        else:
            self.state.set_model(path)

    def open_run(self, run: Run) -> None:
        """Show a run, and put dropped images to its model."""
        self.state.set_run(run)
        if run.model_path.is_file():
            self.open_model(run.model_path)

    def use_settings_of(self, run: Run) -> None:
        """Take the settings of a run for the next one."""
        try:
            self.state.set_config(run.config)
        except EngineError as error:
            self.failed.emit(error)

    def delete_run(self, run: Run) -> bool:
        """Move a run folder to the trash; say whether that worked."""
        if is_locked(run.path):
            sentence = "This run is under way. Stop it first, here or in the other window."
            self.failed.emit(EngineError(sentence, run.path))
            return False
        if not QFile.moveToTrash(str(run.path)):
            self.failed.emit(
                EngineError("The run could not be moved to the trash. Delete its folder by hand.", run.path)
            )
            return False
        if self.state.run == run:
            self.state.set_run(None)
        if self.state.model == run.model_path:
            self.state.set_model(None)
        return True

    def _train(self, work: Generator[Any, None, Any], run: Run | None = None) -> Job:
        """Start a training that tells its run itself, or one that goes on with `run`."""
        self._trained = run
        job = self._start("Training", work)
        job.events_received.connect(self._on_training_events)
        job.finished.connect(self._on_training_finished)
        self.state.set_training(job)
        return job

    def _on_training_events(self, events: list[object]) -> None:
        for event in events:
            if isinstance(event, RunStarted):
                self._trained = Run(Path(event.run))
                self.state.set_run(self._trained)
            if isinstance(event, EpochDone) and event.best and self._trained is not None:
                self.state.set_model(self._trained.model_path)

    def _on_training_finished(self) -> None:
        run = self._trained
        self.state.set_training(None)
        if run is None:
            return
        self.open_run(run)  # stopped or failed, it has its best model all the same
        done = run.history.done
        if done is not None and done.stopped and run.model_path.is_file():
            job = self._start("Indexing training images", jobs.finalize(run))
            job.succeeded.connect(lambda _: self.open_run(run) if self.state.run == run else None)


def _find_latest(folder: Path) -> Generator[None, None, Run | None]:
    yield from ()
    for run in list_runs(default_runs_folder()):
        try:
            # Runs are named after their folder, which spares reading the lists of all others
            if run.name.startswith(folder.name) and run.model_path.is_file() and run.dataset.root.resolve() == folder:
                return run
        except EngineError:  # a damaged run is told of where it is opened
            continue
    return None


def _read_interrupted() -> Generator[None, None, list[RunRecord]]:
    yield from ()
    return [read_record(run) for run in interrupted_runs(default_runs_folder())]
