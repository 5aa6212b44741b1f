"""One image, its answer in words, bars for the likeliest classes and, when asked for, why."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engine.core.formatting import percent
from engine.results.explanation import Explanation
from engine.results.predictions import UNKNOWN, UNSURE, Prediction
from gui.theme import GRID
from gui.widgets.images.heatmap_view import HeatmapView
from gui.widgets.images.neighbour_strip import NeighbourStrip
from gui.widgets.labels import MutedLabel, TitleLabel
from gui.widgets.plots.class_bars import ClassBars


class PredictionView(QWidget):
    """The picture as large as there is room for, the answer below it, and why where the user wants to know."""

    explanation_requested = Signal(str, str)
    """Path of the image and the class to explain."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._prediction: Prediction | None = None
        self.view = HeatmapView(self)
        self.title = TitleLabel("", self)
        self.file_name = MutedLabel("", self)
        self.why_button = QPushButton("Why?", self)
        self.why_button.setCheckable(True)
        self.why_button.setToolTip("Show where the model looked, and the training images most alike (W)")
        self.bars = ClassBars(self)
        self.neighbours = NeighbourStrip(self)
        self.neighbours.hide()
        self._lay_out()
        self._shortcut = QShortcut(QKeySequence("W"), self)
        self._shortcut.activated.connect(self.why_button.click)
        self.why_button.toggled.connect(self._on_toggled)
        self.bars.chosen.connect(self._on_class_chosen)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        words = QVBoxLayout()
        words.setSpacing(GRID // 2)
        words.addWidget(self.title)
        words.addWidget(self.file_name)
        row.addLayout(words, 1)
        row.addWidget(self.why_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 2 * GRID, 0)
        column.setSpacing(GRID)
        column.addWidget(self.view, 1)
        column.addLayout(row)
        column.addWidget(self.bars)
        column.addWidget(self.neighbours)

    def show_prediction(self, prediction: Prediction | None) -> None:
        """Show an image with its answer, or nothing."""
        self._prediction = prediction
        self._clear_explanation()
        self.why_button.setEnabled(prediction is not None and prediction.label is not None)
        if prediction is None:
            self.view.show_file(None)
            self.title.setText("")
            self.file_name.setText("")
            self.bars.show_top(())
            return
        path = Path(prediction.path)
        if path != self.view.path:
            self.view.show_file(path)
        self.file_name.setText(path.name)
        self.file_name.setToolTip(str(path))
        self.title.setText(describe_prediction(prediction))
        self.bars.show_top(prediction.top)
        if self.why_button.isChecked():
            self._ask(prediction.label)

    def show_explanation(self, explanation: Explanation) -> None:
        """Lay the heat over the picture and show the nearest training images; one of another image is passed over."""
        prediction = self._prediction
        if prediction is None or prediction.path != explanation.path or not self.why_button.isChecked():
            return
        self.view.show_heatmap(explanation.heat, explanation.box)
        self.view.setAccessibleDescription(f"Where the model looked for {explanation.label}")
        self.bars.mark(explanation.label)
        self.neighbours.show_neighbours(explanation.neighbours)
        self.neighbours.show()

    def _on_toggled(self, is_on: bool) -> None:
        if is_on and self._prediction is not None:
            self._ask(self._prediction.label)
        else:
            self._clear_explanation()

    def _on_class_chosen(self, name: str) -> None:
        if self.why_button.isChecked():
            self._ask(name)
        else:
            self.why_button.blockSignals(True)  # it would ask for the answer's own class
            self.why_button.setChecked(True)
            self.why_button.blockSignals(False)
            self._ask(name)

    def _ask(self, label: str | None) -> None:
        if self._prediction is not None and label is not None:
            self.explanation_requested.emit(self._prediction.path, label)

    def _clear_explanation(self) -> None:
        self.view.show_heatmap(None)
        self.bars.mark(None)
        self.neighbours.hide()


def describe_prediction(prediction: Prediction) -> str:
    """Return the answer as people say it."""
    if prediction.label is None or prediction.confidence is None:
        return prediction.error or "There is no answer."
    answer = f"{prediction.label}, {percent(prediction.confidence)}"
    if prediction.decision == UNSURE:
        return f"Not sure. Perhaps {answer}"
    if prediction.decision == UNKNOWN:
        return f"Unlike anything in training. Nearest to {answer}"
    return answer
