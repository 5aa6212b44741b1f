"""The figures of each class as a table."""

from typing import Any

from PySide6.QtCore import Qt

from engine.core.formatting import percent
from engine.results.confusion_matrix import ClassResult
from gui.models.table_model import Index, TableModel
from gui.plain_text import as_plain

SORT_ROLE = Qt.ItemDataRole.UserRole

_COLUMNS = (
    ("Class", "Name of the class."),
    ("Found of all", "Of the images that show this class, the share that was named so (recall)."),
    ("Right when named", "Of the images that were named so, the share that shows this class (precision)."),
    ("Both in one", "Harmonic mean of the two (F1): high only where both are."),
    ("Images", "Images of this class that were judged."),
)


class ClassModel(TableModel):
    """One row a class."""

    columns = _COLUMNS
    figures = frozenset({1, 2, 3, 4})

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
        if not index.isValid():
            return None
        row: ClassResult = self._rows[index.row()]
        if role == SORT_ROLE:
            return (row.name, row.recall, row.precision, row.f1, row.num_images)[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_plain(f"{row.name}: {_COLUMNS[index.column()][1]}")
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if row.num_images == 0 and index.column() in (1, 3):
            return "–"
        cells = (row.name, percent(row.recall), percent(row.precision), f"{row.f1:.2f}", f"{row.num_images:,}")
        return cells[index.column()]
