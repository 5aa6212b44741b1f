"""List model of image files with lazy thumbnails, which are decoded in threads when a view requests them."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QImage

from gui.decoder import Decoder, thumbnail_reader
from gui.plain_text import as_plain

THUMBNAIL_SIDE = 128
_MAX_CACHED = 2000  # thumbnails of 64 KB each, about 130 MB at most
_MAX_WAITING = 64  # older requests are dropped: their rows have been scrolled out of view
_NUM_THREADS = 2

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class GridItem:
    """One image in a grid."""

    path: Path
    caption: str
    tooltip: str = ""
    is_marked: bool = False
    """True if the image gets a red border."""


class LazyItems(Sequence[GridItem]):
    """Items that are made from records when a view needs them, since making 100,000 items takes a second."""

    def __init__(self, records: Sequence[Any], make_item: Callable[[Any], GridItem]) -> None:
        self._records, self._make_item = records, make_item

    @overload
    def __getitem__(self, row: int) -> GridItem: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[GridItem]: ...
    def __getitem__(self, row: int | slice) -> GridItem | Sequence[GridItem]:
        """Make the item of a row, or return the items of several rows."""
        if isinstance(row, slice):
            return LazyItems(self._records[row], self._make_item)
        return self._make_item(self._records[row])

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._records)


class ImageModel(QAbstractListModel):
    """Rows of GridItem.

    `ThumbnailRole` returns a QImage, None while the file is being decoded, or a null QImage if it is unreadable.
    """

    ThumbnailRole = Qt.ItemDataRole.UserRole + 1
    MarkedRole = Qt.ItemDataRole.UserRole + 2

    def __init__(self, side: int = THUMBNAIL_SIDE, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._side = side
        self._items: Sequence[GridItem] = ()
        self._requested_rows: dict[Path, set[int]] = {}
        self._cache: OrderedDict[Path, QImage] = OrderedDict()
        self._decoder = Decoder(thumbnail_reader(side), _NUM_THREADS, _MAX_WAITING, self)
        self._decoder.decoded.connect(self._on_decoded)
        self._decoder.ranges_changed.connect(self._on_ranges_changed)

    def set_items(self, items: Sequence[GridItem]) -> None:
        """Replace the images."""
        self.beginResetModel()
        self._items = items
        self._requested_rows = {}
        self._decoder.forget()
        self.endResetModel()

    def item(self, row: int) -> GridItem:
        """Return the item of a row."""
        return self._items[row]

    @property
    def items(self) -> Sequence[GridItem]:
        """All items."""
        return self._items

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of images."""
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return caption, tooltip, mark or thumbnail of an image."""
        if not index.isValid():
            return None
        item = self._items[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return item.caption
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_plain(item.tooltip or item.path.name)
        if role == self.MarkedRole:
            return item.is_marked
        if role == self.ThumbnailRole:
            return self._thumbnail(item.path, index.row())
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(self._side, self._side)
        return None

    def _thumbnail(self, path: Path, row: int) -> QImage | None:
        image = self._cache.get(path)
        if image is not None:
            self._cache.move_to_end(path)
            return image
        self._requested_rows.setdefault(path, set()).add(row)
        self._decoder.request(path)
        return None

    def _on_ranges_changed(self) -> None:
        self._cache.clear()
        if self._items:
            self.dataChanged.emit(self.index(0), self.index(len(self._items) - 1), [self.ThumbnailRole])

    def _on_decoded(self, path: Path, image: QImage) -> None:
        self._cache[path] = image
        while len(self._cache) > _MAX_CACHED:
            self._cache.popitem(last=False)
        for row in self._requested_rows.pop(path, ()):
            self.dataChanged.emit(self.index(row), self.index(row), [self.ThumbnailRole])
