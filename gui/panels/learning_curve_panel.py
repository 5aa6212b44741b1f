"""Learning curve: expected gain from more images, overall and by class."""

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from engine.core.errors import EngineError
from engine.results.learning_curve import LearningCurve, read_learning_curve
from engine.runs.run_folder import Run
from gui.latest_job import LatestJob
from gui.models.learning_curve_model import LearningCurveModel
from gui.operations import Operations
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.labels import HeadingLabel, MutedLabel
from gui.widgets.plots.learning_curve_plot import LearningCurvePlot
from gui.widgets.tables import make_table

_NOTE = "Estimated with a quick classifier on this network's features. A full training on more images may gain more."


class LearningCurvePanel(QWidget):
    """Shows the learning curve with its forecast, and the expected gain from more images of each class."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._is_computing = False
        self._reading = LatestJob()
        self.summary = HeadingLabel("", self)
        self.note = MutedLabel("", self)
        self.compute_button = QPushButton("Compute learning curve", self)
        self.compute_button.setToolTip("Train on an eighth, a quarter, half and all of the images (some seconds)")
        self.plot = LearningCurvePlot(self)
        self.classes = LearningCurveModel()
        self.table = make_table(self.classes, "Expected gain by class", "Largest expected gain first")
        self._lay_out()
        self.compute_button.clicked.connect(self._on_compute)
        state.run_changed.connect(self._refresh)
        state.training_changed.connect(self._refresh)
        self._refresh()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        titles = QVBoxLayout()
        titles.setSpacing(GRID // 2)
        titles.addWidget(self.summary)
        titles.addWidget(self.note)
        head.addLayout(titles, 1)
        head.addWidget(self.compute_button)
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
        can_compute = run is not None and run.model_path.is_file() and self._state.training is None
        self.compute_button.setEnabled(can_compute and not self._is_computing)
        if run is None:
            self._reading.discard()
            self._show(None)
        else:
            read = partial(read_learning_curve, run.path)
            self._reading.request(lambda: self._operations.runs.load(read), self._show_read)

    def _show_read(self, curve: LearningCurve | EngineError | None) -> None:
        self._show(None if isinstance(curve, EngineError) else curve)
        if isinstance(curve, EngineError):
            self.note.setText(curve.message)

    def _show(self, curve: LearningCurve | None) -> None:
        self.summary.setText(curve.sentence if curve else "Expected gain with twice the images: not computed yet")
        self.note.setText("\n".join([_NOTE, *curve.caveats]) if curve else _NOTE)
        self.plot.show_learning_curve(curve)
        self.classes.show_rows(curve.per_class if curve else ())
        self.body.setVisible(curve is not None)
        self.compute_button.setProperty("accent", curve is None)
        self.compute_button.style().unpolish(self.compute_button)
        self.compute_button.style().polish(self.compute_button)
        self.compute_button.setText("Compute again" if curve else "Compute learning curve")

    def _on_compute(self) -> None:
        run = self._state.run
        self._is_computing = True
        self.compute_button.setEnabled(False)
        job = self._operations.runs.compute_learning_curve()
        job.succeeded.connect(lambda curve: self._on_computed(run, curve))
        job.finished.connect(self._on_finished)

    def _on_computed(self, run: Run | None, curve: LearningCurve) -> None:
        if run == self._state.run:
            self._show(curve)

    def _on_finished(self) -> None:
        self._is_computing = False
        self._refresh()
