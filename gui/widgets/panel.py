"""Framed section of a page with a heading and a description."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QRadioButton, QVBoxLayout, QWidget

from gui.theme import GRID
from gui.widgets.labels import HeadingLabel, MutedLabel


class Panel(QFrame):
    """A frame with a heading, a description and a column for further widgets."""

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
        """Add a group of radio buttons and check the first.

        Args:
            rows: Key, label and description of each button. The key becomes the object name of the button.
        """
        group = QButtonGroup(self)
        for key, label, description in rows:
            button = QRadioButton(label, self)
            button.setObjectName(key)
            button.setToolTip(description)
            button.setAccessibleDescription(description)
            group.addButton(button)
            self.column.addWidget(button)
            note = MutedLabel(description, self)
            note.setIndent(3 * GRID)
            self.column.addWidget(note)
        group.buttons()[0].setChecked(True)
        return group

    def add_row(self, *widgets: QWidget) -> QHBoxLayout:
        """Add widgets in a left-aligned row."""
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for widget in widgets:
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addStretch()
        self.column.addLayout(row)
        return row

    def make_button(self, text: str, tooltip: str, kind: str = "") -> QPushButton:
        """Return a button of the kind ``""``, `accent` or `flat`."""
        button = QPushButton(text, self)
        button.setToolTip(tooltip)
        if kind:
            button.setProperty(kind, True)
        return button


def chosen_key(group: QButtonGroup) -> str:
    """Return the key of the checked button, or an empty string."""
    button = group.checkedButton()
    return button.objectName() if button is not None else ""


def open_externally(path: str) -> None:
    """Open a file or folder with the default program of the system."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(path))
