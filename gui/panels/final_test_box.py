"""Final evaluation of a run on the test split."""

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from engine.core.errors import EngineError
from engine.core.formatting import count
from gui.formatting import test_text
from gui.latest_job import LatestJob
from gui.models.run_results import FinalTestStatus, read_test_status
from gui.operations import Operations
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.labels import MutedLabel


class FinalTestBox(QWidget):
    """Shows a button until the test images have been evaluated, then the result. Hidden without test images."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._reading = LatestJob()
        self.summary = MutedLabel("", self)
        self.button = QPushButton("Final test…", self)
        self.button.setToolTip(
            "Evaluate the model once on the images in test/. Do this last: choosing a model by this result biases it."
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GRID)
        row.addWidget(self.summary, 1)
        row.addWidget(self.button)
        self.button.clicked.connect(self._on_clicked)
        state.run_changed.connect(self._refresh)
        state.training_changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        run = self._state.run
        self.hide()
        if run is None or self._state.training is not None:
            self._reading.discard()
        else:
            self._reading.request(lambda: self._operations.runs.load(partial(read_test_status, run)), self._show)

    def _show(self, status: FinalTestStatus | EngineError | None) -> None:
        if status is None:
            return
        if isinstance(status, EngineError):
            self.summary.setText(status.message)
        elif status.headline is None:
            self.summary.setText(f"{count(status.num_images, 'test image')}, not evaluated yet")
        else:
            copies = f" {status.num_left_out:,} copies left out." if status.num_left_out else ""
            self.summary.setText(f"{test_text(status.headline)}. Tested on {status.day}.{copies}")
        self.button.setVisible(isinstance(status, FinalTestStatus) and status.headline is None)
        self.setVisible(isinstance(status, EngineError) or status.num_images > 0)

    def _on_clicked(self) -> None:
        run = self._state.run
        if run is not None:
            self.button.setEnabled(False)
            job = self._operations.runs.test(run)
            job.finished.connect(lambda: self.button.setEnabled(True))
            job.succeeded.connect(lambda _: self._refresh())
