"""View of one image in the review queue with the reason it is there and its duplicate."""

from pathlib import Path

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.audit.review_queue import ReviewItem
from engine.data.dataset import Dataset
from gui.theme import GRID
from gui.widgets.images.image_view import ImageView
from gui.widgets.labels import HeadingLabel, MutedLabel


class LabelIssueView(QWidget):
    """View with the image on the left, and the reason, the duplicate and space for buttons on the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = ImageView(self)
        self.position = MutedLabel("", self)
        self.sentence = HeadingLabel("", self)
        self.file_name = MutedLabel("", self)
        self.duplicate = ImageView(self)
        self.duplicate.setAccessibleName("Duplicate")
        self.duplicate_name = MutedLabel("", self)
        self.side = QVBoxLayout()
        self.side.setSpacing(GRID)
        for widget in (self.position, self.sentence, self.file_name):
            self.side.addWidget(widget)
        self.side.addWidget(self.duplicate, 1)
        self.side.addWidget(self.duplicate_name)
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
        """Show an item of the review queue of a dataset, or nothing. `position` is shown above the reason."""
        self.position.setText(position)
        self.sentence.setText(item.reason if item else "")
        self.file_name.setText(item.path if item else "")
        self._show_file(self.view, item.path if item else None, dataset)
        duplicate = item.duplicates[0] if item and item.duplicates else None
        self._show_file(self.duplicate, duplicate, dataset)
        self.duplicate.setVisible(duplicate is not None)
        self.duplicate_name.setVisible(duplicate is not None)
        if duplicate is not None and item is not None:
            more = f", and {len(item.duplicates) - 1} more" if len(item.duplicates) > 1 else ""
            self.duplicate_name.setText(f"Duplicate of {duplicate}{more}")

    @staticmethod
    def _show_file(view: ImageView, path: str | None, dataset: Dataset | None) -> None:
        file: Path | None = dataset.root / path if path is not None and dataset is not None else None
        if file != view.path:
            view.show_file(file)
