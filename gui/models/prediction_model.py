"""An item model of answers."""

from PySide6.QtCore import QModelIndex, Qt

from engine.results.predictions import UNKNOWN, UNSURE, Prediction
from gui.models.table_model import Index, TableModel
from gui.plain_text import as_plain

IMAGE, ANSWER, CONFIDENCE = range(3)
_HEADERS = ("Image", "Answer", "Sure")
_DECISIONS: dict[str | None, str] = {UNSURE: "not sure ({}?)", UNKNOWN: "unknown ({}?)"}
_HELP = (
    "Name of the file",
    "The likeliest class where the model is sure enough, or why there is none",
    "Confidence of the model in its answer",
)


class PredictionModel(TableModel):
    """One row an image, in the order they were asked about."""

    columns = tuple(zip(_HEADERS, _HELP))
    figures = frozenset({CONFIDENCE})

    SortRole = Qt.ItemDataRole.UserRole

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[Prediction] = []

    @property
    def predictions(self) -> list[Prediction]:
        """All answers so far."""
        return self._answers

    def clear(self) -> None:
        """Forget all answers."""
        self.beginResetModel()
        self._answers = []
        self.endResetModel()

    def add(self, predictions: list[Prediction]) -> None:
        """Append answers."""
        if predictions:
            first = len(self._answers)
            self.beginInsertRows(QModelIndex(), first, first + len(predictions) - 1)
            self._answers += predictions
            self.endInsertRows()

    def apply_threshold(self, threshold: float) -> None:
        """Decide anew which answers are sure enough."""
        self._answers = [answer.with_threshold(threshold) for answer in self._answers]
        if self._answers:
            self.dataChanged.emit(self.index(0, ANSWER), self.index(len(self._answers) - 1, ANSWER))

    def num_unsure(self) -> int:
        """Return how many answers are left to a person."""
        return sum(answer.decision in (UNSURE, UNKNOWN) for answer in self._answers)

    def num_rows(self) -> int:
        """Return the number of rows."""
        return len(self._answers)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        answer, column = self._answers[index.row()], index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_plain(answer.path)
        if role == self.SortRole and column == CONFIDENCE:
            return answer.confidence if answer.confidence is not None else -1.0
        if role in (Qt.ItemDataRole.DisplayRole, self.SortRole):
            return _text(answer, column)
        return None


def _text(answer: Prediction, column: int) -> str:
    if column == IMAGE:
        return answer.path.replace("\\", "/").rpartition("/")[2]
    if column == ANSWER:
        if answer.label is None:
            return f"Unreadable. {answer.error}"
        return _DECISIONS.get(answer.decision, "{}").format(answer.label)
    return "" if answer.confidence is None else f"{answer.confidence:.1%}"
