"""How far the confidences of a model can be believed, and what an error budget costs."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from engine.core.formatting import count
from engine.results.calibration import Calibration, choose_operating_point
from engine.results.evaluation import Evaluation
from gui.formatting import operating_point_text
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.inputs.error_limit_box import ErrorLimitBox
from gui.widgets.labels import HeadingLabel, MutedLabel
from gui.widgets.plots.coverage_plot import CoveragePlot
from gui.widgets.plots.reliability_plot import ReliabilityPlot


class CalibrationPanel(QWidget):
    """A reliability diagram, a curve of accuracy against coverage, and the budget in words."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._evaluation: Evaluation | None = None
        self.sentence = HeadingLabel("", self)
        self.note = MutedLabel("", self)
        self.budget_sentence = HeadingLabel("", self)
        self.unknown_note = MutedLabel("", self)
        self.error_limit_box = ErrorLimitBox(state, self)
        self.reliability = ReliabilityPlot(self)
        self.coverage = CoveragePlot(self)
        self._lay_out()
        state.max_error_changed.connect(self._refresh)

    def _lay_out(self) -> None:
        body = QSplitter(Qt.Orientation.Horizontal, self)
        for words, small, plot in (
            (self.sentence, self.note, self.reliability),
            (self.budget_sentence, self.unknown_note, self.coverage),
        ):
            side = QWidget(body)
            column = QVBoxLayout(side)
            column.setContentsMargins(0 if plot is self.reliability else 2 * GRID, GRID, 2 * GRID, 0)
            column.setSpacing(GRID // 2)
            column.addWidget(words)
            column.addWidget(small)
            column.addSpacing(GRID)
            column.addWidget(plot, 1)
            body.addWidget(side)
        body.setChildrenCollapsible(False)
        body.setSizes([520, 520])
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.error_limit_box)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.addLayout(row)
        column.addWidget(body, 1)

    def show_evaluation(self, evaluation: Evaluation | None) -> None:
        """Show the confidences of an evaluation, or nothing."""
        self._evaluation = evaluation
        self.reliability.show_evaluation(evaluation)
        self._refresh()

    def _refresh(self) -> None:
        calibration = self._evaluation.calibration if self._evaluation else None
        budget = choose_operating_point(calibration.coverage, self._state.max_error) if calibration else None
        self.coverage.show_calibration(calibration, budget)
        if calibration is None or budget is None:
            self.sentence.setText("This run is older than calibration: its confidences are as the network gave them.")
            for label in (self.note, self.budget_sentence, self.unknown_note):
                label.setText("")
            return
        self.sentence.setText(
            f"Its confidences are off by {_points(calibration.error_after)} on average, "
            f"from {_points(calibration.error_before)} before calibration."
        )
        self.sentence.setToolTip("Expected calibration error; each half of the images has the other half's temperature")
        self.note.setText(
            f"Measured on {count(calibration.num_images, 'image')} it has not learnt from. "
            f"Temperature {calibration.temperature:.2f}, kept in the model file."
        )
        self.budget_sentence.setText(operating_point_text(budget, self._state.max_error))
        self.unknown_note.setText(_unknown_words(calibration))


def _unknown_words(calibration: Calibration) -> str:
    if calibration.ood_threshold is None:
        return "It does not keep its training images, so it cannot tell what is unlike them."
    return (
        f"Images less than {calibration.ood_threshold:.2f} like the nearest training images are answered 'unlike "
        "anything in training'."
    )


def _points(error: float) -> str:
    return f"{100 * error:.1f} points"
