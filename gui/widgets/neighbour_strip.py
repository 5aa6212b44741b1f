"""The training images nearest to the one that is shown."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from engine.explanation import Neighbour
from gui.models.image_model import THUMBNAIL_SIDE, GridItem
from gui.theme import GRID
from gui.widgets.image_grid import ImageGrid
from gui.widgets.labels import MutedLabel


class NeighbourStrip(QWidget):
    """A row of thumbnails with their classes; a click or Enter opens one large."""

    opened = Signal(int)
    """Place of the image in the row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = MutedLabel("", self)
        self.grid = ImageGrid(self)
        self.grid.setAccessibleName("Nearest training images")
        self.grid.setWrapping(False)
        self.grid.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.grid.setFixedHeight(THUMBNAIL_SIDE + self.fontMetrics().height() + 4 * GRID)
        self.grid.opened.connect(self.opened)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.title)
        column.addWidget(self.grid)

    def show_neighbours(self, neighbours: Sequence[Neighbour]) -> None:
        """Show other images; without any, say why."""
        self.grid.set_items([_item(neighbour) for neighbour in neighbours])
        self.grid.setVisible(bool(neighbours))
        if neighbours:
            self.title.setText("Training images that look most alike to the model")
            self.title.setToolTip("Nearest by cosine similarity of their embeddings")
        else:
            self.title.setText("This model keeps nothing of its training images, so none can be shown beside it.")
            self.title.setToolTip("")


def _item(neighbour: Neighbour) -> GridItem:
    path = Path(neighbour.path)
    return GridItem(path, f"{neighbour.label}, {neighbour.similarity:.2f}", f"{path.name}\nSimilarity, at most 1")
