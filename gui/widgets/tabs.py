"""Tabs of a page."""

from PySide6.QtWidgets import QTabWidget, QWidget


class Tabs(QTabWidget):
    """Tabs without a frame, with an optional count in the tab title."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.tabBar().setDrawBase(False)
        self.tabBar().setExpanding(False)
        self.tabBar().setAccessibleName(name)

    def show_count(self, panel: QWidget, title: str, count: int) -> None:
        """Set the tab title of a panel, followed by the count unless it is zero."""
        self.setTabText(self.indexOf(panel), f"{title} ({count:,})" if count else title)
