"""The layers of a network as a table."""

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from engine.summary import Layer, Summary
from gui.wording import exact_or_millions

Index = QModelIndex | QPersistentModelIndex

_COLUMNS = (
    ("Layer", "Where the layer sits in the network."),
    ("Kind", "What the layer computes."),
    ("Output", "Shape of what it gives on: channels x height x width, or features."),
    ("Parameters", "Numbers it learns."),
    ("Multiply-adds", "Its work for one image."),
)
_TEXTS = (0, 1)


class LayerModel(QAbstractTableModel):
    """One row a layer, from the image to the answer."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers: tuple[Layer, ...] = ()

    def show_summary(self, summary: Summary | None) -> None:
        """Show the layers of a network."""
        self.beginResetModel()
        self._layers = summary.layers if summary else ()
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of layers."""
        return 0 if parent.isValid() else len(self._layers)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's title, or what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _COLUMNS[section][1]
        return _alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
        if not index.isValid():
            return None
        layer = self._layers[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return layer.name
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        shape = " × ".join(map(str, layer.output))
        work = exact_or_millions(layer.multiply_adds)
        return (layer.name, layer.kind, shape, exact_or_millions(layer.num_parameters), work)[index.column()]


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column in _TEXTS else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
