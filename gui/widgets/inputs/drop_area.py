"""Drop target for files and folders on an empty page."""

import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QImage
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui import theme
from gui.theme import GRID
from gui.widgets.inputs.drops import accept_copy, dropped_image, dropped_paths


class DropArea(QFrame):
    """A dashed frame with an icon, text and buttons that accepts dropped files and folders."""

    paths_dropped = Signal(list)
    """Emitted with the local paths; the list is empty if only web links were dropped."""
    image_dropped = Signal(QImage)
    """Emitted with the pixels of an image that has no local file."""

    def __init__(self, icon: str, title: str, sentence: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("DropArea")
        self.setAcceptDrops(True)
        self._icon_name = icon
        self._icon = QLabel(self)
        self._title = QLabel(title, self)
        self._sentence = QLabel(sentence, self)
        for label in (self._title, self._sentence):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._buttons = QHBoxLayout()
        self._column = QVBoxLayout(self)
        self._build()

    def _build(self) -> None:
        for label in (self._icon, self._title, self._sentence):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title.setFont(theme.title_font(self.font()))
        self._sentence.setWordWrap(True)
        self._icon.setPixmap(theme.pixmap(self._icon_name, theme.colors(self.palette()).muted, 48))
        self._buttons.setSpacing(GRID)
        self._buttons.addStretch()
        self._buttons.addStretch()
        self._column.setContentsMargins(4 * GRID, 4 * GRID, 4 * GRID, 4 * GRID)
        self._column.setSpacing(GRID + GRID // 2)
        self._column.addStretch()
        for label in (self._icon, self._title, self._sentence):
            self._column.addWidget(label)
        self._column.addSpacing(GRID)
        self._column.addLayout(self._buttons)
        self._column.addStretch()

    def add_button(self, text: str, icon: str, tooltip: str, is_accent: bool = False) -> QPushButton:
        """Add a button below the sentence and return it."""
        button = QPushButton(text, self)
        button.setProperty("accent", is_accent)
        button.setProperty("icon_name", icon)
        self._draw_icon(button)
        button.setIconSize(QSize(18, 18))
        button.setToolTip(tooltip)
        self._buttons.insertWidget(self._buttons.count() - 1, button)
        return button

    def _draw_icon(self, button: QPushButton) -> None:
        draw = theme.accent_icon if button.property("accent") else theme.icon
        button.setIcon(draw(button.property("icon_name"), self.palette()))

    def changeEvent(self, event: QEvent) -> None:
        """Recolour the icons when the palette changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._icon.setPixmap(theme.pixmap(self._icon_name, theme.colors(self.palette()).muted, 48))
            for button in self.findChildren(QPushButton):
                self._draw_icon(button)

    def set_texts(self, title: str, sentence: str) -> None:
        """Replace the title and the sentence."""
        self._title.setText(title)
        self._sentence.setText(sentence)

    def _set_active(self, is_active: bool) -> None:
        self.setProperty("active", is_active)
        self.style().unpolish(self)
        self.style().polish(self)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files and images, and highlight the frame."""
        if accept_copy(event):
            self._set_active(True)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Accept the move; some systems send one for every pointer position."""
        accept_copy(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Remove the highlight."""
        self._set_active(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Emit the dropped paths, or the dropped image."""
        self._set_active(False)
        if not accept_copy(event):
            return
        image = dropped_image(event.mimeData())
        if image is not None:
            self.image_dropped.emit(image)
        else:
            self.paths_dropped.emit(dropped_paths(event.mimeData()))

    @staticmethod
    def is_folder(paths: Sequence[Path]) -> bool:
        """Return whether the paths are a single folder."""
        return len(paths) == 1 and os.path.isdir(paths[0])
