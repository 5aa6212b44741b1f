"""Views of full-size images: a single image within a page, and a viewer that covers the page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from engine.data.decode import Pixels, decode
from engine.data.pixels.grey_range import GreyRanges
from gui import theme
from gui.decoder import Decoder
from gui.models.image_model import GridItem
from gui.plain_text import as_plain
from gui.theme import GRID

_MAX_SIDE = 2048  # larger than most screens, and limits the memory for huge images


class ImageView(QWidget):
    """View of one image file, scaled to fit and decoded in a thread."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path: Path | None = None
        self._image = QImage()
        self._message = ""
        self._decoder = Decoder(_read, num_threads=1, max_waiting=2, parent=self)
        self._decoder.decoded.connect(self._on_decoded)
        self._decoder.ranges_changed.connect(lambda: self.show_file(self._path))
        self.setMinimumSize(QSize(160, 160))
        self.setAccessibleName("Image")

    @property
    def path(self) -> Path | None:
        """The file that is shown."""
        return self._path

    def show_file(self, path: Path | None) -> None:
        """Show a file, or nothing."""
        self._path, self._image, self._message = path, QImage(), ""
        self.setAccessibleDescription(path.name if path else "")
        self.update()
        if path is not None:
            self._decoder.forget()
            self._decoder.request(path)

    def _on_decoded(self, path: Path, image: QImage, message: str) -> None:
        if path == self._path:
            self._image, self._message = image, message and f"{path.name}\n{message}"
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the image centred, or the reason why it cannot be read."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if not self._image.isNull():
            painter.drawImage(self._image_rect(), self._image)
        elif self._message:
            painter.setPen(theme.colors(self.palette()).muted)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._message)

    def _image_rect(self) -> QRect:
        # Enlarging an image more than four times shows only larger pixels.
        available = self.size().boundedTo(self._image.size() * 4)
        size = self._image.size().scaled(available, Qt.AspectRatioMode.KeepAspectRatio)
        rect = QRect(0, 0, size.width(), size.height())
        rect.moveCenter(self.rect().center())
        return rect


class ImageViewer(QFrame):
    """Viewer that covers its parent. Arrow keys show the next or previous image, Escape closes the viewer."""

    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._items: Sequence[GridItem] = ()
        self._row = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Image viewer")
        self.setAutoFillBackground(True)
        self.view = ImageView(self)
        self.caption = QLabel(self)
        self.caption.setTextFormat(Qt.TextFormat.PlainText)
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._build()
        parent.installEventFilter(self)
        self.hide()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        row = QHBoxLayout()
        self._previous = self._button("chevron-left", "Previous image (left arrow)", lambda: self._step(-1))
        self._next = self._button("chevron-right", "Next image (right arrow)", lambda: self._step(1))
        self._close = self._button("close", "Close (Escape)", self.leave)
        row.addWidget(self._previous)
        row.addWidget(self.caption, 1)
        row.addWidget(self._next)
        row.addWidget(self._close)
        column.addWidget(self.view, 1)
        column.addLayout(row)

    def _button(self, icon: str, tooltip: str, on_click) -> QToolButton:  # type: ignore[no-untyped-def]
        button = QToolButton(self)
        button.setProperty("icon_name", icon)
        button.setIcon(theme.icon(icon, self.palette()))
        button.setIconSize(QSize(20, 20))
        button.setToolTip(tooltip)
        button.setAccessibleName(tooltip)
        button.clicked.connect(on_click)
        return button

    def show_item(self, items: Sequence[GridItem], row: int) -> None:
        """Cover the parent and show the image of a row."""
        self._items = items
        self._cover_parent()
        self._show_row(row)
        self.show()
        self.raise_()
        self.setFocus()

    @property
    def row(self) -> int:
        """The row that is shown."""
        return self._row

    def leave(self) -> None:
        """Close the viewer."""
        self.hide()
        self.view.show_file(None)
        self.closed.emit()

    def _cover_parent(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())

    def _step(self, distance: int) -> None:
        self._show_row(min(max(self._row + distance, 0), len(self._items) - 1))

    def _show_row(self, row: int) -> None:
        self._row = row
        item = self._items[row]
        self.view.show_file(item.path)
        self.caption.setText(f"{item.caption}    {row + 1} of {len(self._items)}")
        self.caption.setToolTip(as_plain(str(item.path)))
        self._previous.setEnabled(row > 0)
        self._next.setEnabled(row < len(self._items) - 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Navigate or close by key."""
        match event.key():
            case Qt.Key.Key_Escape:
                self.leave()
            case Qt.Key.Key_Left | Qt.Key.Key_Up:
                self._step(-1)
            case Qt.Key.Key_Right | Qt.Key.Key_Down:
                self._step(1)
            case _:
                super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Accept the click so that it does not reach the page below."""
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        """Recolour the icons when the palette changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            for button in self.findChildren(QToolButton):
                button.setIcon(theme.icon(button.property("icon_name"), self.palette()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Resize with the parent."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._cover_parent()
        return super().eventFilter(watched, event)


def _read(path: Path, grey_ranges: GreyRanges | None) -> Pixels:
    image = Image.fromarray(decode(path, _MAX_SIDE, grey_ranges))
    image.thumbnail((_MAX_SIDE, _MAX_SIDE))
    return np.asarray(image)
