"""The user's actions, grouped by subject: pages and panels call these and never start jobs themselves."""

from collections.abc import Iterable

from PySide6.QtCore import QObject

from engine.core.errors import EngineError
from gui.job import Job
from gui.job_runner import JobRunner
from gui.operations.datasets import DatasetOperations
from gui.operations.delivery import DeliveryOperations
from gui.operations.labels import LabelOperations
from gui.operations.models import ModelOperations
from gui.operations.runs import RunOperations
from gui.state import AppState


class Operations:
    """All actions of the window. They share one job runner and write their results to the state."""

    def __init__(self, state: AppState, parent: QObject | None = None) -> None:
        self.runner = JobRunner(parent)
        self.datasets = DatasetOperations(self.runner, state)
        self.labels = LabelOperations(self.runner, state, self.datasets)
        self.models = ModelOperations(self.runner, state)
        self.runs = RunOperations(self.runner, state, self.datasets, self.models)
        self.delivery = DeliveryOperations(self.runner, state)

    @property
    def running_jobs(self) -> tuple[Job, ...]:
        """The jobs that have not finished."""
        return self.runner.running_jobs

    def release(self, records: Iterable[object]) -> None:
        """Free many records that are no longer shown, in the background."""
        self.runner.release(records)

    def report_error(self, error: EngineError) -> None:
        """Show an error in the window."""
        self.runner.failed.emit(error)

    def shut_down(self) -> None:
        """Stop every job; each saves its results first."""
        self.datasets.cancel_rescan()
        self.runner.shut_down()
