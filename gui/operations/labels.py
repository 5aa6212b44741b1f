"""Find label issues and record the user's corrections."""

from pathlib import Path

from PySide6.QtCore import QObject

from engine import jobs
from engine.audit.review_queue import Review
from engine.core.errors import EngineError
from engine.data.label_overrides import Action, Decision, append_decision, undo_last_decision
from gui.job import Job
from gui.job_runner import JobRunner
from gui.operations.datasets import DatasetOperations
from gui.state import AppState


class LabelOperations(QObject):
    """Writes decisions to the label log of the open dataset and keeps the dataset in step."""

    def __init__(self, runner: JobRunner, state: AppState, datasets: DatasetOperations) -> None:
        super().__init__(runner)
        self._runner, self._state, self._datasets = runner, state, datasets

    def find_label_issues(self) -> Job:
        """Find labels that the open model contradicts."""
        dataset, model = self._state.dataset, self._state.model
        if dataset is None or model is None:
            raise RuntimeError("Finding label issues needs an open dataset and a model.")
        job = self._runner.start("Finding wrong labels", jobs.review(dataset, model, self._state.audit))
        job.succeeded.connect(lambda review: self._on_reviewed(dataset.root, review))
        return job

    def evaluate_corrections(self) -> Job:
        """Measure the accuracy with and without the corrections; the result is a CorrectionGain."""
        dataset, model = self._state.dataset, self._state.model
        if dataset is None or model is None:
            raise RuntimeError("Evaluating corrections needs an open dataset and a model.")
        work = jobs.evaluate_corrections(dataset, model, self._state.audit)
        return self._runner.start("Evaluating corrections", work)

    def decide(self, path: str, action: Action, class_name: str | None = None) -> bool:
        """Append a decision about an image to the label log and update the dataset; return whether that worked."""
        dataset = self._state.dataset
        if dataset is None:
            raise RuntimeError("A decision needs an open dataset.")
        try:
            append_decision(dataset.root, path, action, class_name)
        except EngineError as error:
            self._runner.failed.emit(error)
            return False
        if action == "exclude":
            dataset = dataset.without(frozenset((path,)))
        elif class_name in dataset.classes:
            dataset = dataset.relabelled(path, class_name)
        self._state.set_dataset(dataset, self._state.audit)
        self._datasets.schedule_rescan()
        return True

    def undo(self) -> Decision | None:
        """Undo the last decision about the open dataset and return it; None if there was none."""
        if self._state.dataset is None:
            raise RuntimeError("Undoing a decision needs an open dataset.")
        try:
            decision = undo_last_decision(self._state.dataset.root)
        except EngineError as error:
            self._runner.failed.emit(error)
            return None
        if decision is not None:
            # Only the folder itself still has the class and the notes from before the decision
            self._datasets.rescan()
        return decision

    def _on_reviewed(self, root: Path, review: Review) -> None:
        if self._state.dataset is not None and self._state.dataset.root == root:
            self._state.set_review(review)
