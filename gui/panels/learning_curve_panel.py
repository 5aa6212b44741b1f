"""How many more images, and of which class."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from engine.core.errors import EngineError
from engine.results.learning_curve import LearningCurve, read_learning_curve
from engine.runs.run_folder import Run
from gui.models.learning_curve_model import LearningCurveModel
from gui.operations import Operations
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.labels import HeadingLabel, MutedLabel
from gui.widgets.plots.learning_curve_plot import LearningCurvePlot
from gui.widgets.tables import make_table

_NOTE = (
    "Measured with a quick model on what this network sees of the images. A longer training on more images may gain "
    "more than this."
)


class LearningCurvePanel(QWidget):
    """A learning curve with its forecast, and a table of what more images of each class alone would bring."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._is_drawing = False
        self.sentence = HeadingLabel("", self)
        self.note = MutedLabel("", self)
        self.draw_button = QPushButton("Draw the learning curve", self)
        self.draw_button.setToolTip("Learn from an eighth, a quarter, half and all of the images; takes some seconds")
        self.plot = LearningCurvePlot(self)
        self.classes = LearningCurveModel()
        self.table = make_table(self.classes, "Gain of each class", "The most promising class first")
        self._lay_out()
        self.draw_button.clicked.connect(self._on_draw)
        state.run_changed.connect(self._refresh)
        state.training_changed.connect(self._refresh)
        self._refresh()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        words = QVBoxLayout()
        words.setSpacing(GRID // 2)
        words.addWidget(self.sentence)
        words.addWidget(self.note)
        head.addLayout(words, 1)
        head.addWidget(self.draw_button)
        self.body = QSplitter(Qt.Orientation.Horizontal, self)
        self.body.addWidget(self.plot)
        self.body.addWidget(self.table)
        self.body.setChildrenCollapsible(False)
        self.body.setSizes([480, 540])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self.body, 1)
        column.addStretch()

    def _refresh(self) -> None:
        run = self._state.run
        growth = None
        try:
            growth = read_learning_curve(run.path) if run is not None else None
        except EngineError as error:
            self._show(None)
            self.note.setText(error.message)
        else:
            self._show(growth)
        can_draw = run is not None and run.model_path.is_file() and self._state.training is None
        self.draw_button.setEnabled(can_draw and not self._is_drawing)

    def _show(self, growth: LearningCurve | None) -> None:
        self.sentence.setText(growth.sentence if growth else "How much would more images help, and of which class?")
        self.note.setText(_NOTE)
        self.plot.show_learning_curve(growth)
        self.classes.show_rows(growth.per_class if growth else ())
        self.body.setVisible(growth is not None)
        self.draw_button.setProperty("accent", growth is None)
        self.draw_button.style().unpolish(self.draw_button)
        self.draw_button.style().polish(self.draw_button)
        self.draw_button.setText("Draw again" if growth else "Draw the learning curve")

    def _on_draw(self) -> None:
        run = self._state.run
        self._is_drawing = True
        self.draw_button.setEnabled(False)
        job = self._operations.runs.compute_learning_curve()
        job.succeeded.connect(lambda growth: self._on_drawn(run, growth))
        job.finished.connect(self._on_finished)

    def _on_drawn(self, run: Run | None, growth: LearningCurve) -> None:
        if run == self._state.run:
            self._show(growth)

    def _on_finished(self) -> None:
        self._is_drawing = False
        self._refresh()
