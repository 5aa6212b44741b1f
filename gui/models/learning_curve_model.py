"""What more images of each class would bring, as a table."""

from typing import Any

from PySide6.QtCore import Qt

from engine.core.formatting import percent
from engine.results.learning_curve import ClassLearningCurve
from gui.models.table_model import Index, TableModel

_COLUMNS = (
    ("Class", "Name of the class."),
    ("Images now", "Images of this class to learn from."),
    ("Found of all", "Of the images that show this class, the share that a quick model finds now (recall)."),
    ("Twice as many would bring", "Change of the score of this class (F1, in points) with its 95 % range."),
)


class LearningCurveModel(TableModel):
    """One row a class, the most promising first."""

    columns = _COLUMNS
    figures = frozenset({1, 2})

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
        if not index.isValid():
            return None
        row: ClassLearningCurve = self._rows[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"Accuracy over all classes would change by {100 * row.accuracy_gain:+.1f} points."
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (row.name, f"{row.num_images:,}", percent(row.recall), row.words)[index.column()]
