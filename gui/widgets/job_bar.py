"""The slim bar at the bottom: what is being done, how far it is, and Stop."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QWidget

from engine.events import Progress, RunStarted
from gui.job import Job
from gui.theme import GRID
from gui.widgets.labels import MutedLabel
from gui.wording import duration, size

_STAGE_WORDS = {
    "check": "Checking the files",
    "compare": "Looking for copies",
    "download": "Downloading weights",
    "prepare": "Preparing images",
    "train": "Training",
    "validate": "Measuring",
    "robustness": "Measuring on changed images",
    "report": "Writing the report",
    "export": "Writing the file",
    "prove": "Comparing answers",
    "undo": "Taking back",
}


class JobBar(QFrame):
    """Follows the latest job; a training is never pushed aside by a smaller one."""

    stop_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("JobBar")
        self._job: Job | None = None
        self._words = ""
        self._device = ""
        self._epochs = 0
        self._is_training = False
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
        self.stop_button.clicked.connect(self.stop_asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(2 * GRID)
        row.addWidget(self.label)
        row.addWidget(self.bar)
        row.addWidget(self.speed, 1)
        row.addWidget(self.stop_button)
        self._rest()

    def follow(self, words: str, job: Job, is_training: bool) -> None:
        """Show a job from now on, unless a training is being shown."""
        if self._is_training and not is_training:
            return
        self._job, self._words, self._is_training = job, words, is_training
        self._device, self._epochs = "", 0
        self.label.setText(f"{words} …")
        self.bar.setRange(0, 0)
        self.bar.show()
        self.stop_button.setVisible(is_training)
        self.stop_button.setEnabled(True)
        job.events_received.connect(lambda events: self._on_events(job, events))
        job.finished.connect(lambda: self._on_finished(job))

    def _on_events(self, job: Job, events: list[object]) -> None:
        if job is not self._job:
            return
        for event in events:
            if isinstance(event, RunStarted):
                self._device, self._epochs = event.device, event.epochs
            if isinstance(event, Progress):
                self._show(event)

    def _show(self, event: Progress) -> None:
        words = _STAGE_WORDS.get(event.stage, self._words)
        self.label.setText(f"{words}, epoch {event.epoch} of {self._epochs}" if event.epoch else words)
        self.bar.setRange(0, 1000 if event.total else 0)
        self.bar.setValue(round(1000 * event.done / event.total) if event.total else 0)
        self.speed.setText("    ".join(self._figures(event)))

    def _figures(self, event: Progress) -> list[str]:
        figures = []
        if event.stage == "download" and event.total:
            figures.append(f"{size(event.done / 1e6)} of {size(event.total / 1e6)}")
        if event.images_per_second:
            figures.append(f"{event.images_per_second:,.0f} images/s")
        if event.seconds_left is not None:
            figures.append(f"about {duration(event.seconds_left)} left")
        if self._device:
            figures.append(f"on {self._device}")
        return figures

    def _on_finished(self, job: Job) -> None:
        if job is self._job:
            self._rest()

    def _rest(self) -> None:
        self._job, self._is_training = None, False
        self.label.setText("Ready")
        self.speed.setText("")
        self.bar.hide()
        self.stop_button.hide()
