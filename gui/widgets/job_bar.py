"""Status bar with the current job, its progress and a stop button."""

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QWidget

from engine.core.events import STAGE_LABELS, Progress, RunStarted
from engine.core.formatting import progress_details
from gui.job import Job
from gui.theme import GRID
from gui.widgets.labels import MutedLabel


@dataclass(eq=False)
class _TrackedJob:
    title: str
    job: Job
    is_training: bool
    device: str = ""
    epochs: int = 0
    progress: Progress | None = None


class JobBar(QFrame):
    """Status bar of the latest running job. A training takes precedence over other jobs."""

    stop_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("JobBar")
        self._jobs: list[_TrackedJob] = []
        self.label = MutedLabel("", self)
        self.label.setWordWrap(False)
        self.speed = MutedLabel("", self)
        self.speed.setWordWrap(False)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(24 * GRID)
        self.bar.setAccessibleName("Progress")
        self.stop_button = QPushButton("Stop and keep best", self)
        self.stop_button.setToolTip("Stop training after this step and keep the best model so far")
        self.stop_button.clicked.connect(self.stop_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(2 * GRID)
        row.addWidget(self.label)
        row.addWidget(self.bar)
        row.addWidget(self.speed, 1)
        row.addWidget(self.stop_button)
        self._refresh()

    def follow(self, title: str, job: Job, is_training: bool) -> None:
        """Show a job until it ends. While a training runs, other jobs are shown after it."""
        tracked = _TrackedJob(title, job, is_training)
        self._jobs.append(tracked)
        if is_training:
            self.stop_button.setEnabled(True)
        job.events_received.connect(lambda events: self._on_events(tracked, events))
        job.finished.connect(lambda: self._on_finished(tracked))
        self._refresh()

    def _on_events(self, tracked: _TrackedJob, events: list[object]) -> None:
        for event in events:
            if isinstance(event, RunStarted):
                tracked.device, tracked.epochs = event.device, event.epochs
            if isinstance(event, Progress):
                tracked.progress = event
        self._refresh()

    def _on_finished(self, tracked: _TrackedJob) -> None:
        self._jobs.remove(tracked)
        self._refresh()

    def _refresh(self) -> None:
        trainings = [tracked for tracked in self._jobs if tracked.is_training]
        shown = next(reversed(trainings or self._jobs), None)
        self.bar.setVisible(shown is not None)
        self.stop_button.setVisible(bool(trainings))
        self.speed.setText("    ".join(_details(shown)) if shown else "")
        self.label.setText(_status_text(shown) if shown else "Ready")
        progress = shown.progress if shown else None
        fraction = progress.done / progress.total if progress and progress.total else None
        self.bar.setRange(0, 0 if fraction is None else 1000)
        self.bar.setValue(round(1000 * (fraction or 0)))


def _status_text(tracked: _TrackedJob) -> str:
    if tracked.progress is None:
        return f"{tracked.title}…"
    stage = STAGE_LABELS[tracked.progress.stage]
    epoch = tracked.progress.epoch
    if not epoch:
        return stage
    # Under a time budget the number of epochs is an estimate, which can be too low
    return f"{stage}, epoch {epoch} of {tracked.epochs}" if epoch <= tracked.epochs else f"{stage}, epoch {epoch}"


def _details(tracked: _TrackedJob) -> list[str]:
    if tracked.progress is None:
        return []
    return progress_details(tracked.progress) + ([f"on {tracked.device}"] if tracked.device else [])
