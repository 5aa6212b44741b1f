"""View of one image with its prediction, class probabilities and, on request, the explanation."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engine.core.formatting import percent
from engine.results.explanation import Explanation
from engine.results.predictions import UNKNOWN, UNSURE, Prediction, PredictionDecision
from gui.theme import GRID
from gui.widgets.images.heatmap_view import HeatmapView
from gui.widgets.images.neighbour_strip import NeighbourStrip
from gui.widgets.labels import MutedLabel, TitleLabel
from gui.widgets.plots.class_bars import ClassBars

_DECISION_TEXTS: dict[PredictionDecision | None, str] = {
    UNSURE: "Unsure: the confidence is below the threshold.",
    UNKNOWN: "Unknown: the image is unlike the training images.",
}


class PredictionView(QWidget):
    """View of an image with its prediction and the probabilities of the most likely classes.

    The Why? button adds the heat map and the most similar training images.
    """

    explanation_requested = Signal(str, str)
    """Emitted with the path of the image and the class to explain."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._prediction: Prediction | None = None
        self.view = HeatmapView(self)
        self.title = TitleLabel("", self)
        self.decision = MutedLabel("", self)
        self.file_name = MutedLabel("", self)
        self.why_button = QPushButton("Why?", self)
        self.why_button.setCheckable(True)
        self.why_button.setToolTip(
            "Show the regions that support the prediction, and the most similar training images (W)"
        )
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
        texts = QVBoxLayout()
        texts.setSpacing(GRID // 2)
        texts.addWidget(self.title)
        texts.addWidget(self.decision)
        texts.addWidget(self.file_name)
        row.addLayout(texts, 1)
        row.addWidget(self.why_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 2 * GRID, 0)
        column.setSpacing(GRID)
        column.addWidget(self.view, 1)
        column.addLayout(row)
        column.addWidget(self.bars)
        column.addWidget(self.neighbours)

    def show_prediction(self, prediction: Prediction | None) -> None:
        """Show an image with its prediction, or nothing."""
        self._prediction = prediction
        self._clear_explanation()
        self.why_button.setEnabled(prediction is not None and prediction.label is not None)
        if prediction is None:
            self.view.show_file(None)
            self.title.setText("")
            self._show_decision(None)
            self.file_name.setText("")
            self.bars.show_top(())
            return
        path = Path(prediction.path)
        if path != self.view.path:
            self.view.show_file(path)
        self.file_name.setText(path.name)
        self.file_name.setToolTip(str(path))
        self.title.setText(describe_prediction(prediction))
        self._show_decision(prediction.decision)
        self.bars.show_top(prediction.top)
        if self.why_button.isChecked():
            self._request_explanation(prediction.label)

    def _show_decision(self, decision: PredictionDecision | None) -> None:
        self.decision.setText(_DECISION_TEXTS.get(decision, ""))
        self.decision.setVisible(bool(self.decision.text()))

    def show_explanation(self, explanation: Explanation) -> None:
        """Show the heat map and the most similar training images, unless the explanation is of another image."""
        prediction = self._prediction
        if prediction is None or prediction.path != explanation.path or not self.why_button.isChecked():
            return
        self.view.show_heatmap(explanation.heat, explanation.box)
        self.view.setAccessibleDescription(f"Heat map for {explanation.label}")
        self.bars.highlight(explanation.label)
        self.neighbours.show_neighbours(explanation.neighbours)
        self.neighbours.show()

    def _on_toggled(self, is_on: bool) -> None:
        if is_on and self._prediction is not None:
            self._request_explanation(self._prediction.label)
        else:
            self._clear_explanation()

    def _on_class_chosen(self, name: str) -> None:
        if self.why_button.isChecked():
            self._request_explanation(name)
        else:
            self.why_button.blockSignals(True)  # the toggle would request the predicted class
            self.why_button.setChecked(True)
            self.why_button.blockSignals(False)
            self._request_explanation(name)

    def _request_explanation(self, label: str | None) -> None:
        if self._prediction is not None and label is not None:
            self.explanation_requested.emit(self._prediction.path, label)

    def _clear_explanation(self) -> None:
        self.view.show_heatmap(None)
        self.bars.highlight(None)
        self.neighbours.hide()


def describe_prediction(prediction: Prediction) -> str:
    """Return the most likely class and its probability, or the error, as one line of text."""
    if prediction.label is None or prediction.confidence is None:
        return prediction.error or "No prediction."
    return f"{prediction.label}, {percent(prediction.confidence)}"
