"""List of the classes of a dataset with their image counts as bars."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from gui import theme
from gui.models.dataset_summary import DatasetSummary
from gui.plain_text import as_plain
from gui.theme import GRID

_COUNTS = Qt.ItemDataRole.UserRole
_BAR_HEIGHT = 4


class ClassList(QListWidget):
    """List with one row for all classes, then one row per class."""

    class_chosen = Signal(int)
    """Emitted with the index of the class, or -1 for all classes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._delegate = _ClassDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName("Classes")
        self.setToolTip("Choose a class to see its images. The bar shows training images, then validation images.")
        self.setMinimumWidth(24 * GRID)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentRowChanged.connect(lambda row: self.class_chosen.emit(row - 1))

    def show_classes(self, names: tuple[str, ...], summary: DatasetSummary) -> None:
        """Show the classes of a dataset. The selection is kept if the class names are the same."""
        row = self.currentRow() if self._names == names else 0
        self._names = names
        self.blockSignals(True)
        self.clear()
        train, val = summary.counts["train"], summary.counts["val"]
        self._add("All classes", summary.num_images["train"], summary.num_images["val"], 0)
        for name, num_train, num_val in zip(names, train, val):
            self._add(name, num_train, num_val, summary.largest_class or 1)
        self.setCurrentRow(max(0, row))
        self.blockSignals(False)

    def _add(self, name: str, num_train: int, num_val: int, largest: int) -> None:
        item = QListWidgetItem(name)
        item.setData(_COUNTS, (num_train, num_val, largest))
        summary = f"{name}: {num_train:,} training, {num_val:,} validation images"
        item.setToolTip(as_plain(summary))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, summary)
        self.addItem(item)


class _ClassDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        height = QFontMetrics(option.font).height()
        return QSize(20 * GRID, height + 3 * GRID)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colors = theme.colors(option.palette)
        rect: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, colors.raised)
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), colors.accent)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, colors.window)
        num_train, num_val, largest = index.data(_COUNTS)
        inner = rect.adjusted(GRID + GRID // 2, GRID // 2, -GRID - GRID // 2, -GRID)
        painter.setPen(colors.text)
        number = f"{num_train + num_val:,}"
        metrics = QFontMetrics(option.font)
        name_width = inner.width() - metrics.horizontalAdvance(number) - GRID
        name = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideRight, name_width)
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, name)
        painter.setPen(colors.muted)
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, number)
        if largest:
            top = inner.bottom() - _BAR_HEIGHT + 1
            train_width = inner.width() * num_train // largest
            val_width = inner.width() * num_val // largest
            painter.fillRect(QRect(inner.left(), top, train_width, _BAR_HEIGHT), colors.train_line)
            painter.fillRect(QRect(inner.left() + train_width, top, val_width, _BAR_HEIGHT), colors.val_line)
        painter.restore()
