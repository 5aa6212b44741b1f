"""Base class of read-only table models with column titles, tooltips and alignment."""

from collections.abc import Sequence
from typing import Any, ClassVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TableModel(QAbstractTableModel):
    """Base class of the table models.

    Subclasses set `columns` and implement `data`. A subclass that does not use `show_rows` overrides `num_rows`.
    """

    columns: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Title and tooltip of each column."""
    numeric_columns: ClassVar[frozenset[int]] = frozenset()
    """Indices of the columns that hold numbers; they are right-aligned."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Any, ...] = ()

    def show_rows(self, rows: Sequence[Any]) -> None:
        """Replace the records."""
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def num_rows(self) -> int:
        """Return the number of records."""
        return len(self._rows)

    def alignment(self, column: int) -> Qt.AlignmentFlag:
        """Return the alignment of the cells and the title of a column."""
        return _RIGHT if column in self.numeric_columns else _LEFT

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of records."""
        return 0 if parent.isValid() else self.num_rows()

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the title, the tooltip or the alignment of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.columns[section][1]
        return self.alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None
