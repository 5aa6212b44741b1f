"""Navigation sidebar."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QButtonGroup, QFrame, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from gui import theme
from gui.theme import GRID


class Sidebar(QFrame):
    """One button per page, with icon and label. Ctrl+1, Ctrl+2, ... open the pages."""

    chosen = Signal(int)
    """Emitted with the index of the page."""
    theme_toggle_requested = Signal()
    glossary_requested = Signal()
    about_requested = Signal()

    def __init__(self, pages: Sequence[tuple[str, str, str]], parent: QWidget | None = None) -> None:
        """Create one button for each page.

        Args:
            pages: Icon name, label and purpose of each page.
            parent: Parent widget.
        """
        super().__init__(parent)
        self.setObjectName("Sidebar")
        self._group = QButtonGroup(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(GRID // 2, GRID, GRID // 2, GRID)
        self._column.setSpacing(GRID // 2)
        for number, (icon, label, purpose) in enumerate(pages):
            shortcut = QKeySequence(f"Ctrl+{number + 1}")
            tooltip = f"{purpose} ({shortcut.toString(QKeySequence.SequenceFormat.NativeText)})"
            button = self._add_button(icon, label, tooltip)
            button.setShortcut(shortcut)
            button.setCheckable(True)
            self._group.addButton(button, number)
        self._column.addStretch()
        scheme = self._add_button("theme", "Light/dark", "Switch between light and dark")
        scheme.clicked.connect(self.theme_toggle_requested)
        glossary = self._add_button("help", "Glossary", "Explanations of the terms")
        glossary.clicked.connect(self.glossary_requested)
        about = self._add_button("about", "About", "Version and licences of this program (F1)")
        about.setShortcut(QKeySequence("F1"))
        about.clicked.connect(self.about_requested)
        self._group.idClicked.connect(self.chosen)

    def set_current(self, number: int) -> None:
        """Highlight the button of the page that is shown."""
        self._group.button(number).setChecked(True)

    def _add_button(self, icon: str, label: str, tooltip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(label)
        button.setFont(theme.small_font(self.font()))
        button.setProperty("icon_name", icon)
        button.setIcon(theme.icon(icon, self.palette()))
        button.setIconSize(QSize(24, 24))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setToolTip(tooltip)
        button.setAccessibleName(label)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setMinimumWidth(9 * GRID)
        self._column.addWidget(button)
        return button

    def changeEvent(self, event: QEvent) -> None:
        """Recolour the icons when the palette changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            for button in self.findChildren(QToolButton):
                button.setIcon(theme.icon(button.property("icon_name"), self.palette()))
