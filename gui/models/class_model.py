"""Table model of the metrics per class."""

from typing import Any

from PySide6.QtCore import Qt

from engine.core.formatting import percent
from engine.results.confusion_matrix import ClassResult
from gui.models.table_model import Index, TableModel
from gui.plain_text import as_plain

SORT_ROLE = Qt.ItemDataRole.UserRole

_COLUMNS = (
    ("Class", "Name of the class."),
    ("Recall", "Share of the images of this class that the model predicts correctly."),
    ("Precision", "Share of the predictions of this class that are correct."),
    ("F1", "Harmonic mean of precision and recall; it is high only if both are high."),
    ("Images", "Number of images of this class that were evaluated."),
)


class ClassModel(TableModel):
    """Table model with one row per class."""

    columns = _COLUMNS
    numeric_columns = frozenset({1, 2, 3, 4})

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the data of a cell for a role."""
        if not index.isValid():
            return None
        row: ClassResult = self._rows[index.row()]
        if role == SORT_ROLE:
            # Classes that are not measured sort below those at zero
            figures = [-1.0 if figure is None else figure for figure in (row.recall, row.precision, row.f1)]
            return (row.name, *figures, row.num_images)[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            text = _COLUMNS[index.column()][1] if row.num_images else "Not measured: there are no images of this class."
            return as_plain(f"{row.name}: {text}")
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (row.name, _share(row.recall), _share(row.precision), _f1(row.f1), f"{row.num_images:,}")[index.column()]


def _share(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _f1(f1: float | None) -> str:
    return "–" if f1 is None else f"{f1:.2f}"
