"""Find label issues and record the user's corrections."""

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine import jobs
from engine.audit.findings import Audit
from engine.audit.review_queue import LabelIssue, Review, ReviewItem, build_queue
from engine.core.errors import EngineError
from engine.data.dataset import Dataset
from engine.data.label_overrides import Action, Decision, append_decision, read_decisions, undo_last_decision
from engine.jobs.base import from_callable
from gui.job import Job
from gui.job_queue import JobQueue
from gui.job_runner import JobRunner
from gui.operations.datasets import DatasetOperations
from gui.state import AppState


class LabelOperations(QObject):
    """Writes decisions to the label log of the open dataset and keeps the dataset in step."""

    decision_failed = Signal()
    """A decision was not written; the error is shown and the log is as it was."""

    def __init__(self, runner: JobRunner, state: AppState, datasets: DatasetOperations) -> None:
        super().__init__(runner)
        self._runner, self._state, self._datasets = runner, state, datasets
        self._decisions = JobQueue(runner)

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

    def decide(self, path: str, action: Action, class_name: str | None = None) -> None:
        """Append a decision about an image to the label log, after those before it, then update the dataset."""
        root = self._require_dataset().root
        self._decisions.add(
            lambda: _decide(root, self._datasets.unsplit_dataset, path, action, class_name),
            lambda changed: self._on_decided(*changed),
            self.decision_failed.emit,
        )

    def undo(self, on_undone: Callable[[Decision], object]) -> None:
        """Undo the last decision about the open dataset, and call `on_undone` with it if there was one."""
        root = self._require_dataset().root
        self._decisions.add(
            lambda: from_callable(lambda: undo_last_decision(root)),
            lambda decision: self._on_undone(root, decision, on_undone),
            self.decision_failed.emit,
        )

    def build_queue(self) -> Job:
        """Build the review queue of the open dataset; the result is a tuple of ReviewItem.

        If the label log cannot be read, the error is shown and nothing counts as decided.
        """
        dataset, audit, review = self._require_dataset(), self._state.audit, self._state.review
        issues = review.label_issues if review is not None else ()
        job = self._runner.start_silently(_build_queue(dataset, audit, issues))
        job.events_received.connect(lambda errors: self._runner.failed.emit(errors[0]))
        return job

    def _require_dataset(self) -> Dataset:
        if self._state.dataset is None:
            raise RuntimeError("A decision needs an open dataset.")
        return self._state.dataset

    def _on_decided(self, before: Dataset | None, after: Dataset | None) -> None:
        if before is not None and after is not None:
            self._datasets.change(before, after)

    def _on_undone(self, root: Path, decision: Decision | None, on_undone: Callable[[Decision], object]) -> None:
        if decision is not None and self._state.dataset is not None and self._state.dataset.root == root:
            on_undone(decision)
            # Only the folder itself still has the class and the notes from before the decision
            self._datasets.rescan()

    def _on_reviewed(self, root: Path, review: Review) -> None:
        if self._state.dataset is not None and self._state.dataset.root == root:
            self._state.set_review(review)


def _build_queue(
    dataset: Dataset, audit: Audit, issues: Sequence[LabelIssue]
) -> Generator[EngineError, None, tuple[ReviewItem, ...]]:
    """Build the review queue; yield the error if the label log cannot be read."""
    decided: Mapping[str, Decision] = {}
    try:
        decided = read_decisions(dataset.root, dataset.paths)
    except EngineError as error:
        yield error
    return build_queue(dataset, audit, issues, decided)


def _decide(
    root: Path, dataset: Dataset | None, path: str, action: Action, class_name: str | None
) -> Generator[None, None, tuple[Dataset | None, Dataset | None]]:
    """Append a decision to the label log of `root`; return the open dataset before and after it, if it is of `root`."""
    yield from ()
    append_decision(root, path, action, class_name)
    if dataset is None or dataset.root != root:
        return None, None
    if action == "exclude":
        return dataset, dataset.without(frozenset((path,)))
    return dataset, dataset.relabelled(path, class_name) if class_name in dataset.classes else dataset
