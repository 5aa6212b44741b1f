"""Findings about the dataset: a list on the left, the images of the selected finding on the right."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from gui.latest_job import LatestJob
from gui.models.finding_rows import FindingRow
from gui.operations import Operations
from gui.plain_text import as_plain
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.images.image_grid import ImageGrid
from gui.widgets.images.image_view import ImageViewer
from gui.widgets.labels import HeadingLabel, MutedLabel


class FindingsPanel(QWidget):
    """Shows the audit of the open dataset. A click on an image enlarges it."""

    count_changed = Signal(int)
    """Number of findings."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._rows: Sequence[FindingRow] = ()
        self._describing = LatestJob(is_serial=True)
        self.list = QListWidget(self)
        self.list.setObjectName("Findings")
        self.list.setAccessibleName("Findings")
        self.list.setToolTip("Select a finding to see its images")
        self.list.setWordWrap(True)
        self.list.setMinimumWidth(24 * GRID)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.title = HeadingLabel("", self)
        self.explanation = MutedLabel("", self)
        self.grid = ImageGrid(self)
        self._lay_out()
        self.viewer = ImageViewer(self)
        self._state.dataset_changed.connect(self._on_dataset_changed)
        self.list.currentRowChanged.connect(self._on_row_changed)
        self.grid.opened.connect(lambda row: self.viewer.show_item(self.grid.items, row))
        self.viewer.closed.connect(self.grid.setFocus)
        self._on_dataset_changed()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, GRID, 0, 0)
        row.setSpacing(2 * GRID)
        row.addWidget(self.list, 1)
        right = QVBoxLayout()
        right.setSpacing(GRID // 2)
        right.addWidget(self.title)
        right.addWidget(self.explanation)
        right.addWidget(self.grid, 1)
        row.addLayout(right, 3)

    def _on_dataset_changed(self) -> None:
        if self._state.dataset is not None:
            self._describing.request(self._operations.datasets.describe_findings, self._show)
        else:
            self._describing.discard()
            self._show(())

    def _show(self, rows: Sequence[FindingRow]) -> None:
        selected = self._rows[self.list.currentRow()].title if self.list.currentRow() >= 0 else ""
        self._rows = rows
        titles = [row.title for row in self._rows]
        self.list.blockSignals(True)
        self.list.clear()
        for row in self._rows:
            item = QListWidgetItem(row.title)
            item.setToolTip(as_plain(row.explanation))
            self.list.addItem(item)
        chosen = titles.index(selected) if selected in titles else 0 if titles else -1
        self.list.setCurrentRow(chosen)
        self.list.blockSignals(False)
        self.list.setVisible(bool(titles))
        self._on_row_changed(chosen)
        self.count_changed.emit(len(rows))

    def _on_row_changed(self, number: int) -> None:
        row = self._rows[number] if 0 <= number < len(self._rows) else None
        self.title.setText(row.title if row else "No findings so far")
        self.explanation.setText(row.explanation if row else "Duplicates, unreadable files and outliers appear here.")
        self.grid.set_items(row.items if row else ())
