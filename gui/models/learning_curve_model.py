"""Table model of the expected gain per class from more images."""

from typing import Any

from PySide6.QtCore import Qt

from engine.core.formatting import percent
from engine.results.learning_curve import ClassLearningCurve
from gui.models.table_model import Index, TableModel

_COLUMNS = (
    ("Class", "Name of the class."),
    ("Training images", "Number of training images of this class now."),
    (
        "Recall (estimate)",
        "Share of the images of this class that a quick classifier on the model's features predicts correctly now.",
    ),
    (
        "Expected gain with twice the images",
        "Expected change of the F1 of this class in points, with its 95 % confidence interval.",
    ),
)


class LearningCurveModel(TableModel):
    """Table model with one row per class, the largest expected gain first."""

    columns = _COLUMNS
    numeric_columns = frozenset({1, 2})

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the data of a cell for a role."""
        if not index.isValid():
            return None
        row: ClassLearningCurve = self._rows[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"Expected change of the accuracy over all classes: {100 * row.accuracy_gain:+.1f} points."
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        recall = "–" if row.recall is None else percent(row.recall)
        return (row.name, f"{row.num_images:,}", recall, row.words)[index.column()]
