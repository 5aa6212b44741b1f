"""Table views with a common style."""

from PySide6.QtCore import QAbstractItemModel
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from gui.theme import GRID

_MEASURED_ROWS = 20
"""Rows whose cells determine the width of a column; Qt would measure 1,000 at every change."""


def make_table(model: QAbstractItemModel, name: str, help_text: str, stretched: int = 0) -> QTableView:
    """Return a table view that selects whole rows; the column `stretched` takes the remaining width."""
    table = QTableView()
    table.setModel(model)
    table.setAccessibleName(name)
    table.setToolTip(help_text)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)  # Tab moves to the next widget; the arrow keys move within the table
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + GRID + 2)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setResizeContentsPrecision(_MEASURED_ROWS)
    header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
    header.setMinimumSectionSize(6 * GRID)
    return table
