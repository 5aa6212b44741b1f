"""The narrow column on the left that leads to the pages."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QButtonGroup, QFrame, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from gui import theme
from gui.theme import GRID


class Sidebar(QFrame):
    """One button a page, with icon and word; Ctrl+1, Ctrl+2, ... lead there too."""

    chosen = Signal(int)
    theme_toggle_requested = Signal()
    """The button that switches between light and dark was pressed."""
    glossary_requested = Signal()
    about_requested = Signal()

    def __init__(self, pages: Sequence[tuple[str, str, str]], parent: QWidget | None = None) -> None:
        """Make buttons for `pages`: icon, word and what the page is for."""
        super().__init__(parent)
        self.setObjectName("Sidebar")
        self._group = QButtonGroup(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(GRID // 2, GRID, GRID // 2, GRID)
        self._column.setSpacing(GRID // 2)
        for number, (icon, word, purpose) in enumerate(pages):
            shortcut = QKeySequence(f"Ctrl+{number + 1}")
            tooltip = f"{purpose} ({shortcut.toString(QKeySequence.SequenceFormat.NativeText)})"
            button = self._add_button(icon, word, tooltip)
            button.setShortcut(shortcut)
            button.setCheckable(True)
            self._group.addButton(button, number)
        self._column.addStretch()
        scheme = self._add_button("theme", "Light/dark", "Switch between light and dark")
        scheme.clicked.connect(self.theme_toggle_requested)
        glossary = self._add_button("help", "Glossary", "Explain the terms of the program")
        glossary.clicked.connect(self.glossary_requested)
        about = self._add_button("about", "About", "What this program is, and its licences (F1)")
        about.setShortcut(QKeySequence("F1"))
        about.clicked.connect(self.about_requested)
        self._group.idClicked.connect(self.chosen)

    def set_current(self, number: int) -> None:
        """Mark the page that is shown."""
        self._group.button(number).setChecked(True)

    def _add_button(self, icon: str, word: str, tooltip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(word)
        button.setFont(theme.small_font(self.font()))
        button.setProperty("icon_name", icon)
        button.setIcon(theme.icon(icon, self.palette()))
        button.setIconSize(QSize(24, 24))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setToolTip(tooltip)
        button.setAccessibleName(word)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setMinimumWidth(9 * GRID)
        self._column.addWidget(button)
        return button

    def changeEvent(self, event: QEvent) -> None:
        """Recolour the icons with the palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            for button in self.findChildren(QToolButton):
                button.setIcon(theme.icon(button.property("icon_name"), self.palette()))
