"""What the program is, where it keeps what, and under which licences."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine import __version__, jobs
from engine.core.log import system_info
from engine.core.paths import default_log_path, home_folder
from gui.theme import GRID, small_font
from gui.widgets.labels import HeadingLabel, MutedLabel, StyledLabel, TitleLabel
from gui.widgets.panel import open_externally

_WORDS = "Trains an image classifier from a folder of pictures. Nothing leaves this computer."
_QT_WORDS = (
    "The window is made with Qt and PySide6, used under the LGPL version 3: you may replace them by your own builds. "
    "Their licence, and where their source is to be had, stand below under PySide6."
)


class AboutDialog(QDialog):
    """Does not keep from working in the window."""

    welcome_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Classifold")
        self.resize(940, 660)
        self._licences = jobs.all_licences()
        self.names = QListWidget(self)
        self.names.setAccessibleName("Parts of the program")
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search parts of the program")
        self.search.setClearButtonEnabled(True)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Licence")
        self.text.setFont(small_font(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)))
        self._lay_out()
        self.search.textChanged.connect(self._on_search)
        self.names.currentRowChanged.connect(self._on_chosen)
        for licence in self._licences:
            self.names.addItem(f"{licence.name} {licence.version}\n{licence.terms}")
        self.names.setCurrentRow(0)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addWidget(TitleLabel(f"Classifold {__version__}", self))
        column.addWidget(StyledLabel(_WORDS, self))
        column.addWidget(MutedLabel(system_info(), self))
        buttons = QHBoxLayout()
        for text, path in (("Open my runs", home_folder()), ("Open the log", default_log_path())):
            button = self._add_button(buttons, text, str(path))
            button.clicked.connect(lambda _checked=False, path=path: open_externally(str(path)))
        self.welcome_button = self._add_button(buttons, "Show the welcome", "Show the three steps of the first start")
        self.welcome_button.clicked.connect(self.welcome_asked)
        self.welcome_button.clicked.connect(self.close)
        buttons.addStretch()
        column.addLayout(buttons)
        column.addSpacing(GRID)
        column.addWidget(HeadingLabel("Licences", self))
        column.addWidget(MutedLabel(_QT_WORDS, self))
        row = QHBoxLayout()
        left = QVBoxLayout()
        left.addWidget(self.search)
        left.addWidget(self.names, 1)
        row.addLayout(left, 1)
        row.addWidget(self.text, 2)
        column.addLayout(row, 1)

    def _add_button(self, row: QHBoxLayout, text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tooltip)
        button.setAutoDefault(False)
        row.addWidget(button)
        return button

    def _on_search(self, text: str) -> None:
        for row, licence in enumerate(self._licences):
            item = self.names.item(row)
            item.setHidden(text.casefold() not in f"{licence.name} {licence.terms}".casefold())

    def _on_chosen(self, row: int) -> None:
        self.text.setPlainText(self._licences[row].text if row >= 0 else "")
