"""Help window with the glossary of `resources/glossary.md`."""

from importlib.resources import files

from PySide6.QtGui import QTextCursor, QTextDocument
from PySide6.QtWidgets import QDialog, QLineEdit, QTextBrowser, QVBoxLayout, QWidget

from gui.theme import GRID
from gui.widgets.inputs.drops import refuse_drops


class GlossaryDialog(QDialog):
    """Explains the terms of the window. The user can keep it open while working."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Glossary")
        self.resize(680, 620)
        self.search = QLineEdit(self)
        refuse_drops(self.search)
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search the glossary")
        self.search.setClearButtonEnabled(True)
        self.text = QTextBrowser(self)
        self.text.setAccessibleName("Glossary")
        self.text.setOpenExternalLinks(True)
        self.text.setMarkdown((files("resources") / "glossary.md").read_text(encoding="utf-8"))
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addWidget(self.search)
        column.addWidget(self.text, 1)
        self.search.textChanged.connect(self._on_search)
        self.search.returnPressed.connect(self._find_next)

    def _on_search(self) -> None:
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
        self._find_next()

    def _find_next(self) -> None:
        """Select the next match, from the top again after the last one."""
        term = self.search.text()
        if term and not self.text.find(term, QTextDocument.FindFlag(0)):
            self.text.moveCursor(QTextCursor.MoveOperation.Start)
            self.text.find(term)
