"""Preview of augmented training images."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engine.data.decode import Pixels
from gui.operations import Operations
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.labels import HeadingLabel

_NUM_IMAGES, _COLUMNS, _SIDE = 8, 4, 72


class PreviewStrip(QWidget):
    """Button with a grid of augmented training images, which appear after a click."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self.thumbnails: list[QLabel] = []
        self.button = QPushButton("Preview augmentation", self)
        self.button.setToolTip("Show some training images with the random augmentation of these settings")
        self.button.clicked.connect(self._on_clicked)
        self._grid = QGridLayout()
        self._grid.setSpacing(GRID // 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(HeadingLabel("Preview", self))
        column.addWidget(self.button)
        column.addLayout(self._grid)
        state.dataset_changed.connect(self._on_dataset_changed)
        self._on_dataset_changed()

    def _on_dataset_changed(self) -> None:
        self.button.setEnabled(self._state.dataset is not None)

    def _on_clicked(self) -> None:
        self.button.setEnabled(False)
        job = self._operations.datasets.preview(_NUM_IMAGES)
        job.succeeded.connect(self._show)
        job.finished.connect(self._on_dataset_changed)

    def _show(self, images: list[Pixels]) -> None:
        for label in self.thumbnails:
            label.deleteLater()
        self.thumbnails = []
        for number, pixels in enumerate(images):
            height, width, _ = pixels.shape
            image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            label = QLabel(self)
            label.setAccessibleName("Augmented training image")
            label.setPixmap(QPixmap.fromImage(image).scaled(_SIDE, _SIDE, Qt.AspectRatioMode.KeepAspectRatio))
            self._grid.addWidget(label, number // _COLUMNS, number % _COLUMNS)
            self.thumbnails.append(label)
