"""Table model of predictions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, Qt, Signal

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

    sort_requested = Signal()
    """The user has chosen another order; the owner sorts in the background and calls `set_order`."""

    def __init__(self) -> None:
        super().__init__()
        self._predictions: list[Prediction] = []
        self._order: list[int] = []
        self._num_unsure = 0
        self._sorting: Sorting | None = None

    @property
    def predictions(self) -> list[Prediction]:
        """All predictions so far, in the order in which they came."""
        return self._predictions

    @property
    def sorting(self) -> "Sorting | None":
        """The chosen order; None for the order in which the predictions came."""
        return self._sorting

    def prediction(self, row: int) -> Prediction:
        """Return the prediction of a row."""
        return self._predictions[self._order[row]]

    def clear(self) -> list[Prediction]:
        """Remove all predictions and return them."""
        self.beginResetModel()
        removed = self._predictions
        self._predictions, self._order, self._num_unsure = [], [], 0
        self.endResetModel()
        return removed

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Append predictions at the end, whatever the order."""
        if predictions:
            first = len(self._predictions)
            self.beginInsertRows(QModelIndex(), first, first + len(predictions) - 1)
            self._predictions += predictions
            self._order += range(first, len(self._predictions))
            self._num_unsure += count_unsure(predictions)
            self.endInsertRows()

    def replace_first(self, predictions: Sequence[Prediction], num_unsure: int) -> list[Prediction]:
        """Replace the first predictions by others of the same images, and return them.

        Args:
            predictions: The others.
            num_unsure: Number of them that are unsure or unknown.
        """
        replaced, later = self._predictions[: len(predictions)], self._predictions[len(predictions) :]
        self._num_unsure = num_unsure + count_unsure(later)
        self._predictions = [*predictions, *later]
        if self._predictions:
            self.dataChanged.emit(self.index(0, DECISION), self.index(len(self._predictions) - 1, DECISION))
        return replaced

    def num_unsure(self) -> int:
        """Return the number of images that are marked unsure or unknown."""
        return self._num_unsure

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Request another order of the rows; -1 is the order in which the predictions came."""
        self._sorting = Sorting(column, order == Qt.SortOrder.DescendingOrder) if column >= 0 else None
        self.sort_requested.emit()

    def set_order(self, order: Sequence[int]) -> None:
        """Show the first predictions in this order, given by their positions, and the later ones after them."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        positions = [self._order[index.row()] for index in before]
        self._order = [*order, *range(len(order), len(self._predictions))]
        after = [self.index(self._order.index(at), index.column()) for at, index in zip(positions, before)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def num_rows(self) -> int:
        """Return the number of rows."""
        return len(self._predictions)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the data of a cell for a role."""
        if not index.isValid():
            return None
        prediction, column = self.prediction(index.row()), index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_plain(prediction.path)
        return _cell_text(prediction, column) if role == Qt.ItemDataRole.DisplayRole else None


@dataclass(frozen=True, slots=True)
class Sorting:
    """A column to sort by, and the direction."""

    column: int
    is_descending: bool

    def order(self, predictions: Sequence[Prediction]) -> list[int]:
        """Return the positions of the predictions in this order; equal ones keep theirs."""
        keys = [self._key(prediction) for prediction in predictions]
        return sorted(range(len(keys)), key=keys.__getitem__, reverse=self.is_descending)

    def _key(self, prediction: Prediction) -> tuple[float, str]:
        if self.column == CONFIDENCE:
            return (prediction.confidence if prediction.confidence is not None else -1.0, "")
        return (0.0, _cell_text(prediction, self.column))


def count_unsure(predictions: Iterable[Prediction]) -> int:
    """Return the number of predictions that are unsure or unknown."""
    return sum(prediction.needs_review for prediction in predictions)


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
