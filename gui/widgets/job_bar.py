"""The slim bar at the bottom: what is being done, how far it is, and Stop."""

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QWidget

from engine.core.events import STAGE_LABELS, Progress, RunStarted
from engine.core.formatting import progress_details
from gui.job import Job
from gui.theme import GRID
from gui.widgets.labels import MutedLabel


@dataclass(eq=False)
class _Followed:
    words: str
    job: Job
    is_training: bool
    device: str = ""
    epochs: int = 0
    progress: Progress | None = None


class JobBar(QFrame):
    """Shows the latest job that is at work; a training is never pushed aside by a smaller one."""

    stop_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("JobBar")
        self._followed: list[_Followed] = []
        self.label = MutedLabel("", self)
        self.label.setWordWrap(False)
        self.speed = MutedLabel("", self)
        self.speed.setWordWrap(False)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(24 * GRID)
        self.bar.setAccessibleName("Progress")
        self.stop_button = QPushButton("Stop and keep best", self)
        self.stop_button.setToolTip("End the training after this step; the best model so far is kept")
        self.stop_button.clicked.connect(self.stop_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(2 * GRID)
        row.addWidget(self.label)
        row.addWidget(self.bar)
        row.addWidget(self.speed, 1)
        row.addWidget(self.stop_button)
        self._refresh()

    def follow(self, words: str, job: Job, is_training: bool) -> None:
        """Show a job until it ends; where a training is at work, when that has ended."""
        followed = _Followed(words, job, is_training)
        self._followed.append(followed)
        if is_training:
            self.stop_button.setEnabled(True)
        job.events_received.connect(lambda events: self._on_events(followed, events))
        job.finished.connect(lambda: self._on_finished(followed))
        self._refresh()

    def _on_events(self, followed: _Followed, events: list[object]) -> None:
        for event in events:
            if isinstance(event, RunStarted):
                followed.device, followed.epochs = event.device, event.epochs
            if isinstance(event, Progress):
                followed.progress = event
        self._refresh()

    def _on_finished(self, followed: _Followed) -> None:
        self._followed.remove(followed)
        self._refresh()

    def _refresh(self) -> None:
        trainings = [followed for followed in self._followed if followed.is_training]
        shown = next(reversed(trainings or self._followed), None)
        self.bar.setVisible(shown is not None)
        self.stop_button.setVisible(bool(trainings))
        self.speed.setText("    ".join(_figures(shown)) if shown else "")
        self.label.setText(_words(shown) if shown else "Ready")
        progress = shown.progress if shown else None
        share = progress.done / progress.total if progress and progress.total else None
        self.bar.setRange(0, 0 if share is None else 1000)
        self.bar.setValue(round(1000 * (share or 0)))


def _words(followed: _Followed) -> str:
    if followed.progress is None:
        return f"{followed.words} …"
    words = STAGE_LABELS[followed.progress.stage]
    epoch = followed.progress.epoch
    return f"{words}, epoch {epoch} of {followed.epochs}" if epoch else words


def _figures(followed: _Followed) -> list[str]:
    if followed.progress is None:
        return []
    return progress_details(followed.progress) + ([f"on {followed.device}"] if followed.device else [])
