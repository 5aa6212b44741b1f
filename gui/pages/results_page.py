"""Results page: accuracy, confusion matrix and misclassified images of the shown run."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from engine.core.errors import EngineError
from engine.core.formatting import count, percent
from engine.results.evaluation import ImageResult, image_rows
from gui.formatting import headline_text
from gui.job import Job
from gui.latest_job import LatestJob
from gui.models.class_model import ClassModel
from gui.models.image_model import GridItem, LazyItems
from gui.models.run_results import RunResults, read_run_results
from gui.operations import Operations
from gui.panels.calibration_panel import CalibrationPanel
from gui.panels.final_test_box import FinalTestBox
from gui.panels.learning_curve_panel import LearningCurvePanel
from gui.panels.report_panel import ReportPanel
from gui.panels.robustness_panel import RobustnessPanel
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.images.image_grid import ImageGrid
from gui.widgets.images.image_view import ImageViewer
from gui.widgets.labels import HeadingLabel, MutedLabel, NoteLabel, TitleLabel
from gui.widgets.plots.confusion_matrix import ConfusionMatrixView
from gui.widgets.tables import make_table
from gui.widgets.tabs import Tabs


class ResultsPage(QWidget):
    """Shows the evaluation of the shown run on its validation images."""

    train_requested = Signal()

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._results: RunResults | None = None
        self._reading = LatestJob()
        self._shown: Sequence[ImageResult] = ()
        self.title = TitleLabel("", self)
        self.note = MutedLabel("", self)
        self.caveats = NoteLabel("", self)
        self.confusion = ConfusionMatrixView(self)
        self.classes = ClassModel()
        self.images_title = HeadingLabel("", self)
        self.grid = ImageGrid(self)
        self._lay_out()
        self.viewer = ImageViewer(self)
        self._state.run_changed.connect(self._on_run_changed)
        self._state.training_changed.connect(self._on_run_changed)
        self.confusion.cell_chosen.connect(self._on_cell)
        self.back_button.clicked.connect(self._show_misclassified)
        self.save_button.clicked.connect(self._on_save)
        self.train_button.clicked.connect(self.train_requested)
        self.grid.opened.connect(lambda row: self.viewer.show_item(self.grid.items, row))
        self.viewer.closed.connect(self.grid.setFocus)
        self._on_run_changed()

    def _lay_out(self) -> None:
        self.train_button = QPushButton("Go to training", self)
        self.train_button.setToolTip("Go to the Train page")
        self.back_button = QPushButton("Show all errors", self)
        self.back_button.setToolTip("Show all misclassified images")
        self.save_button = QPushButton("Save list…", self)
        self.save_button.setToolTip("Save these images with actual class, prediction and confidence as CSV")
        left, right = QWidget(self), QWidget(self)
        left_column = QVBoxLayout(left)
        left_column.setContentsMargins(0, GRID, GRID, 0)
        matrix_title = HeadingLabel("Confusion matrix", left)
        matrix_title.setToolTip("Images of each actual class (row) by predicted class (column)")
        left_column.addWidget(matrix_title)
        left_column.addWidget(self.confusion, 3)
        left_column.addWidget(make_table(self.classes, "Classes", "Recall, precision and F1 of each class"), 2)
        right_column = QVBoxLayout(right)
        right_column.setContentsMargins(GRID, GRID, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self.images_title, 1)
        row.addWidget(self.back_button)
        row.addWidget(self.save_button)
        right_column.addLayout(row)
        right_column.addWidget(self.grid, 1)
        body = QSplitter(Qt.Orientation.Horizontal, self)
        body.addWidget(left)
        body.addWidget(right)
        body.setChildrenCollapsible(False)
        body.setSizes([480, 560])
        self.tabs = Tabs("Result views", self)
        self.tabs.addTab(body, "Misclassified")
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        self.report = ReportPanel(self._state, self._operations, self)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.report)
        column.addLayout(head)
        column.addWidget(self.note)
        column.addWidget(self.caveats)
        column.addWidget(FinalTestBox(self._state, self._operations, self))
        column.addWidget(self.train_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.tabs, 1)
        column.addStretch()

    def _add_panels(self) -> None:
        # Created only when there are results, because the plots would slow down the start of the window
        self.calibration = CalibrationPanel(self._state, self)
        self.tabs.addTab(self.calibration, "Calibration")
        self.learning_curve = LearningCurvePanel(self._state, self._operations, self)
        self.tabs.addTab(self.learning_curve, "Learning curve")
        self.robustness = RobustnessPanel(self._state, self._operations, self)
        self.tabs.addTab(self.robustness, "Robustness")

    def _on_run_changed(self) -> None:
        run = self._state.run
        if run is None:
            self._reading.discard()
            self._show(None)
            return
        if self._results is None or self._results.run != run:
            self._show(None)
            self.title.setText("Loading results…")
            self.note.setText(run.name)
            self.train_button.hide()
        self._reading.request(lambda: self._operations.runs.load(partial(read_run_results, run)), self._show)

    def _show(self, results: RunResults | EngineError | None) -> None:
        if self._results is not None:
            self._operations.release(self._results.evaluation.images)
        self._results = results if isinstance(results, RunResults) else None
        self._shown = ()
        self.grid.set_items(())
        has_results = self._results is not None
        if has_results and self.tabs.count() == 1:
            self._add_panels()
        self.tabs.setVisible(has_results)
        self.train_button.setVisible(not has_results)
        if self._results is not None:
            self._show_results(self._results)
            return
        self._show_caveats(())
        self.confusion.show_matrix((), np.zeros((0, 0), np.int64))
        is_damaged = isinstance(results, EngineError)
        self.title.setText("No results" if is_damaged else "No results yet")
        self.note.setText(
            results.message
            if isinstance(results, EngineError)
            else "Results appear after the first epoch of a training."
        )

    def _show_results(self, results: RunResults) -> None:
        evaluation = results.evaluation
        self.confusion.show_matrix(evaluation.classes, results.counts)
        self.calibration.show_calibration(evaluation.calibration, results.bins, bool(results.headline.weakest))
        self.title.setText(headline_text(results.headline))
        self.title.setToolTip("Share of correct predictions on images that were not used for training")
        skipped = f", {len(evaluation.unreadable)} unreadable skipped" if evaluation.unreadable else ""
        measured = " of the measured classes" if results.headline.num_unmeasured else ""
        self.note.setText(
            f"{results.run.name}: {count(len(evaluation.images), 'validation image')}{skipped}, {results.day}. "
            f"Macro F1{measured} {evaluation.macro_f1:.2f}."
        )
        self.note.setToolTip("Macro F1 is the mean of the F1 of all measured classes, so that they count equally")
        self._show_caveats(results.headline.caveats())
        self.classes.show_rows(evaluation.per_class)
        self._show_misclassified()

    def _show_caveats(self, sentences: Sequence[str]) -> None:
        self.caveats.setText("\n".join(sentences))
        self.caveats.setVisible(bool(sentences))

    def _show_misclassified(self) -> None:
        if self._results is not None:
            wrong = self._results.misclassified
            self.confusion.choose(None)
            self.back_button.hide()
            title = count(len(wrong), "misclassified image") + ", most confident first"
            self._show_images(title if wrong else "No misclassified images", wrong)

    def _on_cell(self, row: int, column: int) -> None:
        if self._results is not None:
            names = self._results.evaluation.classes
            self.confusion.choose((row, column))
            self.back_button.show()
            images = self._results.images_of_cell.get((names[row], names[column]), ())
            self._show_images(self.confusion.describe_cell(row, column), images)

    def _show_images(self, title: str, images: Sequence[ImageResult]) -> None:
        assert self._results is not None
        self.images_title.setText(title)
        self._shown = images
        self.save_button.setEnabled(bool(images))
        self.grid.set_items(LazyItems(images, partial(_item, Path(self._results.evaluation.root))))

    def _on_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the list", "images.csv", "Tables (*.csv)")
        if name:
            self.save_list(Path(name))

    def save_list(self, path: Path) -> Job:
        """Write the shown images as CSV."""
        return self._operations.delivery.save_table(path, image_rows(self._shown))


def _item(root: Path, image: ImageResult) -> GridItem:
    names = f"{image.label} \N{RIGHTWARDS ARROW} {image.predicted}" if image.is_wrong else image.label
    return GridItem(root / image.path, f"{names}, {percent(image.confidence)}", image.path, image.is_wrong)
