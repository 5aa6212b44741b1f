"""Parts of a page behind a row of words."""

from PySide6.QtWidgets import QTabWidget, QWidget


class Tabs(QTabWidget):
    """Tabs without a frame; a number behind a word says how much waits there."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.tabBar().setDrawBase(False)
        self.tabBar().setExpanding(False)
        self.tabBar().setAccessibleName(name)

    def show_count(self, panel: QWidget, word: str, count: int) -> None:
        """Write the word of a panel, with a count where there is something to see."""
        self.setTabText(self.indexOf(panel), f"{word} ({count:,})" if count else word)
