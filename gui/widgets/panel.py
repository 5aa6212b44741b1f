"""A part of a page that stands for itself: a heading, a sentence, and what belongs to them."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QRadioButton, QVBoxLayout, QWidget

from gui.theme import GRID
from gui.widgets.labels import HeadingLabel, MutedLabel


class Panel(QFrame):
    """A frame with a column to put things into."""

    def __init__(self, heading: str, sentence: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.setAccessibleName(heading)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        self.column.setSpacing(GRID)
        self.column.addWidget(HeadingLabel(heading, self))
        self.column.addWidget(MutedLabel(sentence, self))

    def add_choice(self, rows: Sequence[tuple[str, str, str]]) -> QButtonGroup:
        """Add one radio button a row, of key, words and what they mean; the first is chosen. Buttons bear their key."""
        group = QButtonGroup(self)
        for key, words, meaning in rows:
            button = QRadioButton(words, self)
            button.setObjectName(key)
            button.setToolTip(meaning)
            button.setAccessibleDescription(meaning)
            group.addButton(button)
            self.column.addWidget(button)
            note = MutedLabel(meaning, self)
            note.setIndent(3 * GRID)
            self.column.addWidget(note)
        group.buttons()[0].setChecked(True)
        return group

    def add_row(self, *widgets: QWidget) -> QHBoxLayout:
        """Add widgets side by side, from the left."""
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for widget in widgets:
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addStretch()
        self.column.addLayout(row)
        return row

    def make_button(self, text: str, tooltip: str, kind: str = "") -> QPushButton:
        """Return a button of this card: plain, `accent` or `flat`."""
        button = QPushButton(text, self)
        button.setToolTip(tooltip)
        if kind:
            button.setProperty(kind, True)
        return button


def chosen_key(group: QButtonGroup) -> str:
    """Return the key of the choice that is made."""
    button = group.checkedButton()
    return button.objectName() if button is not None else ""


def open_externally(path: str) -> None:
    """Show a file or folder in the program that the system has for it."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(path))
