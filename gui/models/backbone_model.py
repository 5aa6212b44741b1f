"""The catalogue of networks as a table that can be sorted and searched."""

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QSortFilterProxyModel, Qt

from engine.catalog import BACKBONES, NON_COMMERCIAL, Backbone
from engine.suggest import is_downloaded
from gui.wording import millions, network_name, size

Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = Qt.ItemDataRole.UserRole
BACKBONE_ROLE = Qt.ItemDataRole.UserRole + 1

_COLUMNS = (
    ("Network", "Name of the network. In the catalogue of torchvision it is written as the tooltip of each row says."),
    ("Family", "Networks of one family differ in size."),
    (
        "Parameters",
        "Numbers that are learnt (M: million). More can learn more, and needs more images, memory and time.",
    ),
    ("Multiply-adds", "Work for one image (M: million, G: thousand million). Twice as many take about twice as long."),
    ("ImageNet top-1", "Share of ImageNet's validation images that its ready-made weights name right."),
    ("Weights", "Size of its ImageNet weights, and whether they are on this machine already."),
)
_NAME, _FAMILY, _PARAMETERS, _WORK, _TOP1, _WEIGHTS = range(len(_COLUMNS))


class BackboneModel(QAbstractTableModel):
    """One row a network."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows = list(BACKBONES.values())
        self._here: dict[str, bool] = {}
        self.look_for_weights()

    def look_for_weights(self) -> None:
        """Look again which weights are on this machine."""
        self._here = {row.name: is_downloaded(row) for row in self._rows}
        last = len(self._rows) - 1
        self.dataChanged.emit(self.index(0, _WEIGHTS), self.index(last, _WEIGHTS))

    def row_of(self, name: str) -> int:
        """Return the row of a network, or -1."""
        return next((row for row, backbone in enumerate(self._rows) if backbone.name == name), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of networks."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's title, or its help."""
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
        backbone = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(backbone, index.column())
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return self._tooltip(backbone)
        if role == SORT_ROLE:
            return _sort_key(backbone, index.column())
        return backbone if role == BACKBONE_ROLE else None

    def _text(self, backbone: Backbone, column: int) -> str:
        match column:
            case 0:
                return network_name(backbone.name)
            case 1:
                return backbone.family
            case 2:
                return millions(backbone.num_parameters)
            case 3:
                return millions(backbone.multiply_adds * 1e6)
            case 4:
                return "–" if backbone.top1 is None else f"{backbone.top1:.1f}\N{NO-BREAK SPACE}%"
        if not backbone.weights_file:
            return "none"
        return "on this machine" if self._here[backbone.name] else size(backbone.weights_mb)

    def _tooltip(self, backbone: Backbone) -> str:
        licence = " Its weights may not be used commercially (CC-BY-NC 4.0)." if backbone.name in NON_COMMERCIAL else ""
        return f"{backbone.name}, made for images of {backbone.image_size} x {backbone.image_size} pixels.{licence}"


class BackboneFilter(QSortFilterProxyModel):
    """Shows the networks whose name or family holds every word searched for."""

    def __init__(self, source: BackboneModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self.setSourceModel(source)
        self.setSortRole(SORT_ROLE)

    def search(self, text: str) -> None:
        """Show what fits the words of `text`."""
        self.beginFilterChange()
        self._words = _letters(text).split()
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        """Say whether a network fits."""
        backbone: Backbone = self.sourceModel().index(row, 0, parent).data(BACKBONE_ROLE)
        text = _letters(f"{backbone.name} {network_name(backbone.name)} {backbone.family}")
        return all(word in text or word in text.replace(" ", "") for word in self._words)


def _letters(text: str) -> str:
    return text.lower().replace("_", " ").replace("-", " ")


def _sort_key(backbone: Backbone, column: int) -> float | str:
    keys: tuple[float | str, ...] = (
        backbone.name,
        f"{backbone.family} {backbone.num_parameters:012d}",
        backbone.num_parameters,
        backbone.multiply_adds,
        backbone.top1 or 0.0,
        backbone.weights_mb if backbone.weights_file else 0.0,
    )
    return keys[column]


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column in (_NAME, _FAMILY) else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
