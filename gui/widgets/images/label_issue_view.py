"""One image to look at: the picture, why it is in the queue, and what it is a copy of."""

from pathlib import Path

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.audit.review_queue import ReviewItem
from engine.data.dataset import Dataset
from gui.theme import GRID
from gui.widgets.images.image_view import ImageView
from gui.widgets.labels import HeadingLabel, MutedLabel


class LabelIssueView(QWidget):
    """The picture as large as there is room for; right of it the words, the copy and room for buttons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = ImageView(self)
        self.position = MutedLabel("", self)
        self.sentence = HeadingLabel("", self)
        self.file_name = MutedLabel("", self)
        self.other = ImageView(self)
        self.other.setAccessibleName("The copy")
        self.other_name = MutedLabel("", self)
        self.side = QVBoxLayout()
        self.side.setSpacing(GRID)
        for widget in (self.position, self.sentence, self.file_name):
            self.side.addWidget(widget)
        self.side.addWidget(self.other, 1)
        self.side.addWidget(self.other_name)
        side = QWidget(self)
        side.setFixedWidth(38 * GRID)
        side.setLayout(self.side)
        self.side.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GRID)
        row.addWidget(self.view, 1)
        row.addWidget(side)

    def show_item(self, item: ReviewItem | None, dataset: Dataset | None, position: str) -> None:
        """Show an image of the queue of a data set, or nothing."""
        self.position.setText(position)
        self.sentence.setText(item.reason if item else "")
        self.file_name.setText(item.path if item else "")
        self._show_file(self.view, item.path if item else None, dataset)
        other = item.duplicates[0] if item and item.duplicates else None
        self._show_file(self.other, other, dataset)
        self.other.setVisible(other is not None)
        self.other_name.setVisible(other is not None)
        if other is not None and item is not None:
            more = f", and {len(item.duplicates) - 1} more" if len(item.duplicates) > 1 else ""
            self.other_name.setText(f"The same as {other}{more}")

    @staticmethod
    def _show_file(view: ImageView, path: str | None, dataset: Dataset | None) -> None:
        file: Path | None = dataset.root / path if path is not None and dataset is not None else None
        if file != view.path:
            view.show_file(file)
