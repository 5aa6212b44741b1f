"""Predict page: classify images and inspect the predictions."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.core.errors import EngineError
from engine.core.file_names import IMAGE_SUFFIXES
from engine.core.formatting import count
from engine.results.calibration import choose_operating_point
from engine.results.predictions import Prediction, csv_rows
from gui.formatting import model_text, operating_point_text
from gui.job import Job
from gui.latest_job import LatestJob
from gui.models.prediction_model import IMAGE, PREDICTION, PredictionModel, count_unsure
from gui.operations import Operations
from gui.pasted_images import PastedImages
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.images.image_view import ImageViewer
from gui.widgets.images.prediction_view import PredictionView
from gui.widgets.inputs.drop_area import DropArea
from gui.widgets.inputs.error_limit_box import ErrorLimitBox
from gui.widgets.labels import MutedLabel, TitleLabel
from gui.widgets.tables import make_table

_IMAGE_FILTER = "Images (" + " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES)) + ")"


class PredictPage(QWidget):
    """Shows the predictions for the chosen images, or a drop area while there are none. Uses the open model."""

    train_requested = Signal()

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._paths: list[Path] = []
        self.pasted = PastedImages()
        self._predicting = LatestJob()
        self._explaining = LatestJob(is_serial=True)  # one at a time, since each needs the memory of a training step
        self._pasting, self._sorting, self._deciding = (LatestJob(is_serial=True) for _ in range(3))
        self._model_summary = ""
        self.title = TitleLabel("Predict", self)
        self.model_label = MutedLabel("", self)
        self.operating_point = MutedLabel("", self)
        self.error_limit_box = ErrorLimitBox(state, self)
        self._threshold = self._predicted_threshold = 0.0
        self.model = PredictionModel()
        self.table = make_table(self.model, "Predictions", "Choose a row to see its image", stretched=PREDICTION)
        self.table.horizontalHeader().setSectionResizeMode(IMAGE, QHeaderView.ResizeMode.Stretch)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.prediction_view = PredictionView(self)
        self.viewer = ImageViewer(self)
        self.drop_area = DropArea("predict", "", "", self)
        self._stack = QStackedWidget(self)
        self._lay_out()
        self._connect()
        self._on_model_changed()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        head = QHBoxLayout()
        titles = QVBoxLayout()
        titles.setSpacing(GRID // 2)
        titles.addWidget(self.title)
        titles.addWidget(self.model_label)
        head.addLayout(titles, 1)
        self.save_button = self._button("Save table…", "Save all predictions as a CSV table")
        self.choose_button = self._button("Choose images…", "Choose images to classify")
        self.open_button = self._button("Open a model…", "Open a model.safetensors file of Classifold")
        for button in (self.save_button, self.choose_button, self.open_button):
            head.addWidget(button)
        column.addLayout(head)
        row = QHBoxLayout()
        row.addWidget(self.operating_point, 1)
        row.addWidget(self.error_limit_box)
        column.addLayout(row)
        self.first_choose = self.drop_area.add_button("Choose images…", "images", "Choose images to classify", True)
        self.train_button = self.drop_area.add_button("Go to training", "train", "Go to the Train page", True)
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.addWidget(self.prediction_view)
        splitter.addWidget(self.table)
        splitter.setSizes([1000, 1000])  # each gets half of the width
        splitter.setChildrenCollapsible(False)
        self._stack.addWidget(self.drop_area)
        self._stack.addWidget(splitter)
        column.addWidget(self._stack, 1)

    def _button(self, text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tooltip)
        return button

    def _connect(self) -> None:
        self._state.model_changed.connect(self._on_model_changed)
        self._state.max_error_changed.connect(self._on_max_error_changed)
        self.model.sort_requested.connect(self._sort)
        self.drop_area.paths_dropped.connect(self.classify)
        self.drop_area.image_dropped.connect(self.classify_image)
        self.first_choose.clicked.connect(self._on_choose)
        self.choose_button.clicked.connect(self._on_choose)
        self.train_button.clicked.connect(self.train_requested)
        self.open_button.clicked.connect(self._on_open_model)
        self.save_button.clicked.connect(self._on_save)
        self.table.selectionModel().currentRowChanged.connect(self._on_row_changed)
        self.prediction_view.explanation_requested.connect(self._on_explanation_requested)
        strip = self.prediction_view.neighbours
        strip.opened.connect(lambda row: self.viewer.show_item(strip.items, row))
        self.viewer.closed.connect(self.prediction_view.why_button.setFocus)
        self._paste = QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self)
        self._paste.activated.connect(self._on_paste)

    def classify(self, paths: Sequence[Path]) -> None:
        """Classify these files and folders; the predictions replace the earlier ones."""
        if not paths:
            self._operations.report_error(
                EngineError("Only files and folders on this computer can be dropped. Save the image first.")
            )
            return
        self._paths = list(paths)
        self.pasted.keep_only(self._paths)
        if self._state.model is None:
            return
        for job in (self._explaining, self._sorting, self._deciding):
            job.discard()
        self._operations.release(self.model.clear())
        self.prediction_view.show_prediction(None)
        self._stack.setCurrentIndex(1)
        self._predicting.request(self._start_predicting, self._on_predicted)

    def classify_image(self, image: QImage) -> None:
        """Classify an image that has no file."""
        save = partial(self.pasted.save, image)
        self._pasting.request(lambda: self._operations.models.compute(save), lambda path: self.classify([path]))

    def _start_predicting(self) -> Job:
        self._predicted_threshold = self._threshold
        job = self._operations.models.predict(self._paths)
        job.events_received.connect(self._on_events)
        return job

    def _on_events(self, events: list[object]) -> None:
        is_first = self.model.rowCount() == 0
        self.model.add([event for event in events if isinstance(event, Prediction)])
        if is_first and self.model.rowCount():
            self.table.selectRow(0)
        if self.model.sorting is not None:
            self._sort()
        if self._threshold != self._predicted_threshold:
            self._decide_again()
        self.table.setVisible(self.model.rowCount() > 1)
        self.save_button.setEnabled(self.model.rowCount() > 0)
        self._describe()

    def _on_predicted(self, num_images: int) -> None:
        if not num_images:
            self._stack.setCurrentIndex(0)
            self._operations.report_error(EngineError("There are no images in this folder.", self._paths[0]))

    def _sort(self) -> None:
        predictions, sorting = tuple(self.model.predictions), self.model.sorting
        if sorting is None:
            self._sorting.discard()
            self.model.set_order(range(len(predictions)))
        else:
            self._sorting.request(
                lambda: self._operations.models.compute(lambda: sorting.order(predictions)), self.model.set_order
            )

    def _on_row_changed(self, current: QModelIndex) -> None:
        self._explaining.discard()
        if current.isValid():
            self.prediction_view.show_prediction(self.model.prediction(current.row()))

    def _on_explanation_requested(self, path: str, label: str) -> None:
        if self._state.model is not None:
            self._explaining.request(
                lambda: self._operations.models.explain(Path(path), label), self.prediction_view.show_explanation
            )

    def _on_model_changed(self) -> None:
        self._model_summary = self._describe_model()
        self._describe()
        has_model = self._state.model is not None
        for button in (self.choose_button, self.first_choose):
            button.setVisible(has_model)
        self.train_button.setVisible(not has_model)
        if has_model:
            self.drop_area.set_texts("Drop images or folders here", "Or paste an image with Ctrl+V.")
        else:
            self.drop_area.set_texts("No model yet", "Train a model first, or open a model file.")
        self.save_button.setEnabled(self.model.rowCount() > 0)
        if has_model and self._paths:
            self.classify(self._paths)

    def _on_max_error_changed(self) -> None:
        self._model_summary = self._describe_model()
        self._describe()
        self._decide_again()

    def _decide_again(self) -> None:
        predictions, threshold = tuple(self.model.predictions), self._threshold
        self._deciding.request(
            lambda: self._operations.models.compute(lambda: _decide(predictions, threshold)), self._on_decided
        )

    def _on_decided(self, decided: tuple[list[Prediction], int]) -> None:
        self._operations.release(self.model.replace_first(*decided))
        self._on_row_changed(self.table.currentIndex())
        self._describe()

    def _describe_model(self) -> str:
        path, metadata = self._state.model, self._state.model_metadata
        self.model_label.setToolTip(str(path or ""))
        self.error_limit_box.setVisible(path is not None)
        self.operating_point.setText("")
        self._threshold = 0.0
        if path is None:
            return "No model is open."
        if metadata is None:
            return path.name
        if metadata.calibration is not None:
            point = choose_operating_point(metadata.calibration.coverage, self._state.max_error)
            self._threshold = point.threshold
            self.operating_point.setText(operating_point_text(point, self._state.max_error))
        self.model_label.setToolTip(f"{path}\nStarted from {metadata.origin}")
        return model_text(metadata)

    def _describe(self) -> None:
        num_images = self.model.rowCount()
        num_unsure = self.model.num_unsure()
        unsure = f", {num_unsure:,} unsure" if num_unsure else ""
        predictions = f"\n{count(num_images, 'image')}{unsure}" if num_images > 1 else ""
        self.model_label.setText(self._model_summary + predictions)

    def _on_choose(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Choose images", "", _IMAGE_FILTER)
        if names:
            self.classify([Path(name) for name in names])

    def _on_open_model(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a model", "", "Models (*.safetensors)")
        if name:
            self._operations.models.open(Path(name))

    def _on_paste(self) -> None:
        data = QGuiApplication.clipboard().mimeData()
        if data.hasUrls():
            self.classify([Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()])
        elif data.hasImage():
            self.classify_image(QGuiApplication.clipboard().image())

    def _on_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the predictions", "predictions.csv", "Tables (*.csv)")
        if name:
            self.save_table(Path(name))

    def save_table(self, path: Path) -> Job:
        """Write all predictions as CSV."""
        return self._operations.delivery.save_table(path, csv_rows(list(self.model.predictions)))


def _decide(predictions: Sequence[Prediction], threshold: float) -> tuple[list[Prediction], int]:
    """Decide again with another confidence threshold (0..1); return the number of unsure and unknown images, too."""
    decided = [prediction.with_threshold(threshold) for prediction in predictions]
    return decided, count_unsure(decided)
