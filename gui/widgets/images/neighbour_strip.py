"""Row of the training images most similar to the predicted image."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from engine.results.explanation import Neighbour
from gui import theme
from gui.decoder import Decoder, thumbnail_reader
from gui.models.image_model import GridItem
from gui.plain_text import as_button_text, as_plain
from gui.theme import GRID
from gui.widgets.labels import MutedLabel

_SIDE = 84  # pixels; five thumbnails fit into the smallest window


class NeighbourStrip(QWidget):
    """Row of thumbnails with class and similarity. A click or Enter opens one."""

    opened = Signal(int)
    """Emitted with the index of the image in the row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.items: list[GridItem] = []
        self.buttons: list[QToolButton] = []
        self.title = MutedLabel("", self)
        self._decoder = Decoder(thumbnail_reader(2 * _SIDE), num_threads=1, max_waiting=8, parent=self)
        self._decoder.decoded.connect(self._on_decoded)
        self._row = QHBoxLayout()
        self._row.setSpacing(GRID // 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.title)
        column.addLayout(self._row)

    def show_neighbours(self, neighbours: Sequence[Neighbour]) -> None:
        """Show these neighbours. Without any, the title gives the reason."""
        while (entry := self._row.takeAt(0)) is not None:
            if (widget := entry.widget()) is not None:
                widget.deleteLater()
        self.items = [_item(neighbour) for neighbour in neighbours]
        self.buttons = [self._add_button(index) for index in range(len(self.items))]
        self._row.addStretch(1)
        if neighbours:
            self.title.setText("Most similar training images")
            self.title.setToolTip("Cosine similarity of the embeddings; 1 means identical.")
        else:
            self.title.setText(
                "Similar training images are not available: the run of this model has no stored embeddings."
            )
            self.title.setToolTip("")

    def _add_button(self, index: int) -> QToolButton:
        item = self.items[index]
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setFont(theme.small_font(self.font()))
        button.setIconSize(QSize(_SIDE, _SIDE))
        button.setFixedWidth(_SIDE + 2 * GRID)
        caption = button.fontMetrics().elidedText(item.caption, Qt.TextElideMode.ElideMiddle, _SIDE + GRID)
        button.setText(as_button_text(caption))
        button.setToolTip(as_plain(f"{item.caption}\n{item.tooltip}"))
        button.setAccessibleName(item.caption)
        button.clicked.connect(lambda: self.opened.emit(index))
        self._row.addWidget(button)
        self._decoder.request(item.path)
        return button

    def _on_decoded(self, path: Path, image: QImage) -> None:
        for item, button in zip(self.items, self.buttons):
            if item.path == path:
                button.setIcon(QIcon(QPixmap.fromImage(image)))


def _item(neighbour: Neighbour) -> GridItem:
    path = Path(neighbour.path)
    return GridItem(path, f"{neighbour.label}, {neighbour.similarity:.2f}", path.name)
