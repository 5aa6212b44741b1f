"""Table model of predictions."""

from PySide6.QtCore import QModelIndex, Qt

from engine.results.predictions import ACCEPTED, UNKNOWN, UNSURE, Prediction, PredictionDecision
from gui.models.table_model import Index, TableModel
from gui.plain_text import as_plain

IMAGE, PREDICTION, CONFIDENCE, DECISION = range(4)
_DECISION_TEXTS: dict[PredictionDecision | None, str] = {ACCEPTED: "Accepted", UNSURE: "Unsure", UNKNOWN: "Unknown"}
_COLUMNS = (
    ("Image", "Name of the image file."),
    ("Prediction", "Most likely class."),
    ("Confidence", "Predicted probability of the most likely class."),
    (
        "Decision",
        "Accepted: the prediction stands. Unsure: the confidence is below the threshold. "
        "Unknown: the image is unlike the training images.",
    ),
)


class PredictionModel(TableModel):
    """Table model with one row per image, in the order the images were added."""

    columns = _COLUMNS
    numeric_columns = frozenset({CONFIDENCE})

    SortRole = Qt.ItemDataRole.UserRole

    def __init__(self) -> None:
        super().__init__()
        self._predictions: list[Prediction] = []

    @property
    def predictions(self) -> list[Prediction]:
        """All predictions so far."""
        return self._predictions

    def clear(self) -> None:
        """Remove all predictions."""
        self.beginResetModel()
        self._predictions = []
        self.endResetModel()

    def add(self, predictions: list[Prediction]) -> None:
        """Append predictions."""
        if predictions:
            first = len(self._predictions)
            self.beginInsertRows(QModelIndex(), first, first + len(predictions) - 1)
            self._predictions += predictions
            self.endInsertRows()

    def apply_threshold(self, threshold: float) -> None:
        """Decide again which predictions are sure enough, with another confidence threshold (0..1)."""
        self._predictions = [prediction.with_threshold(threshold) for prediction in self._predictions]
        if self._predictions:
            self.dataChanged.emit(self.index(0, DECISION), self.index(len(self._predictions) - 1, DECISION))

    def num_unsure(self) -> int:
        """Return the number of images that are marked unsure or unknown."""
        return sum(prediction.needs_review for prediction in self._predictions)

    def num_rows(self) -> int:
        """Return the number of rows."""
        return len(self._predictions)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the data of a cell for a role."""
        if not index.isValid():
            return None
        prediction, column = self._predictions[index.row()], index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_plain(prediction.path)
        if role == self.SortRole and column == CONFIDENCE:
            return prediction.confidence if prediction.confidence is not None else -1.0
        if role in (Qt.ItemDataRole.DisplayRole, self.SortRole):
            return _cell_text(prediction, column)
        return None


def _cell_text(prediction: Prediction, column: int) -> str:
    if column == IMAGE:
        return prediction.path.replace("\\", "/").rpartition("/")[2]
    if column == PREDICTION:
        if prediction.label is None:
            return prediction.error or ""
        return prediction.label
    if column == DECISION:
        return "Unreadable" if prediction.label is None else _DECISION_TEXTS.get(prediction.decision, "")
    return "" if prediction.confidence is None else f"{prediction.confidence:.1%}"
