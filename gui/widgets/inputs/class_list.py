"""The classes of a dataset with their counts as bars; a click shows the images of one."""

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

from engine.data.dataset import Dataset
from gui import theme
from gui.plain_text import as_plain
from gui.theme import GRID

_COUNTS = Qt.ItemDataRole.UserRole
_BAR_HEIGHT = 4


class ClassList(QListWidget):
    """First all images, then one row a class."""

    class_chosen = Signal(int)
    """Index of the class, or -1 for all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._delegate = _ClassDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName("Classes")
        self.setToolTip(
            "Choose a class to see its images; the bar shows images to learn from, then those to measure on"
        )
        self.setMinimumWidth(24 * GRID)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentRowChanged.connect(lambda row: self.class_chosen.emit(row - 1))

    def show_dataset(self, dataset: Dataset) -> None:
        """Show the classes of a dataset; the chosen one stays chosen where the classes are the same."""
        row = self.currentRow() if self._names == dataset.classes else 0
        self._names = dataset.classes
        self.blockSignals(True)
        self.clear()
        train, val = dataset.counts("train"), dataset.counts("val")
        largest = max(dataset.counts(), default=0) or 1
        self._add("All classes", sum(train), sum(val), 0)
        for name, num_train, num_val in zip(dataset.classes, train, val):
            self._add(name, num_train, num_val, largest)
        self.setCurrentRow(max(0, row))
        self.blockSignals(False)

    def _add(self, name: str, num_train: int, num_val: int, largest: int) -> None:
        item = QListWidgetItem(name)
        item.setData(_COUNTS, (num_train, num_val, largest))
        words = f"{name}: {num_train:,} images to learn from, {num_val:,} to measure on"
        item.setToolTip(as_plain(words))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, words)
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
        room = inner.width() - metrics.horizontalAdvance(number) - GRID
        name = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room)
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
