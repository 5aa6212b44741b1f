"""Final evaluation of a run on the test split."""

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from engine.core.errors import EngineError
from engine.core.formatting import count
from engine.results.evaluation import Evaluation, read_evaluation
from gui.formatting import percent_with_interval
from gui.operations import Operations
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.labels import MutedLabel


class FinalTestBox(QWidget):
    """Shows a button until the test images have been evaluated, then the result. Hidden without test images."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
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
        if run is None or self._state.training is not None or not run.model_path.is_file():
            return
        try:
            if run.test_path.is_file():
                self._show_result(read_evaluation(run.test_path))
                return
            num_images = len(run.dataset.of_split("test"))
        except EngineError as error:
            self.summary.setText(error.message)
            self.button.hide()
            self.show()
            return
        self.summary.setText(f"{count(num_images, 'test image')}, not evaluated yet")
        self.button.show()
        self.setVisible(num_images > 0)

    def _show_result(self, evaluation: Evaluation) -> None:
        share = percent_with_interval(evaluation.accuracy, len(evaluation.images))
        self.summary.setText(f"Test accuracy {share} on {count(len(evaluation.images), 'image')}")
        self.button.hide()
        self.show()

    def _on_clicked(self) -> None:
        run = self._state.run
        if run is not None:
            self.button.setEnabled(False)
            job = self._operations.runs.test(run)
            job.finished.connect(lambda: self.button.setEnabled(True))
            job.succeeded.connect(lambda _: self._refresh())
