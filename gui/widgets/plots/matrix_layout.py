"""Positions of the cells and names of a matrix within a scrolled view."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QFontMetrics

from gui.theme import GRID

MIN_SIDE, MAX_SIDE = 8, 88
MAX_NAME_WIDTH = 15 * GRID


def longest_name(metrics: QFontMetrics, names: Sequence[str]) -> int:
    """Return the width in pixels of the longest name; measuring stops at the first one of `MAX_NAME_WIDTH`."""
    longest = 0
    for name in names:
        longest = max(longest, metrics.horizontalAdvance(name))
        if longest >= MAX_NAME_WIDTH:
            break
    return min(longest, MAX_NAME_WIDTH)


@dataclass(frozen=True, slots=True)
class MatrixLayout:
    """Layout of a matrix of `num_classes` rows and columns: margins with names, and square cells that scroll."""

    num_classes: int
    left: int
    """Width of the left margin, for the row names and the axis label."""
    top: int
    line: int
    """Height of one line of text with its spacing."""
    side: int
    """Side of a cell."""
    size: QSize
    """Size of the view."""
    is_horizontal: bool
    """True if the column names fit into the cells, so that they are not rotated."""

    @classmethod
    def fit(cls, num_classes: int, longest: int, line: int, size: QSize) -> "MatrixLayout":
        """Return the layout with the largest cells that fit into `size`, but not smaller than `MIN_SIDE`."""
        is_horizontal = longest + GRID <= min(MAX_SIDE, size.width() // (num_classes + 2))
        left = longest + 2 * GRID + line
        top = (line if is_horizontal else longest + 2 * GRID) + line
        extent = min(size.width() - left - 1, size.height() - top - 1)
        side = max(MIN_SIDE, min(MAX_SIDE, extent // max(1, num_classes)))
        return cls(num_classes, left, top, line, side, size, is_horizontal)

    @property
    def extent(self) -> int:
        """Width and height of all cells."""
        return self.side * self.num_classes

    @property
    def cells_area(self) -> QRect:
        """The part of the view in which cells are painted."""
        return QRect(self.left, self.top, max(0, self.size.width() - self.left), max(0, self.size.height() - self.top))

    def cell_rect(self, row: int, column: int, offset: QPoint) -> QRect:
        """Return the rectangle of a cell in a view that is scrolled by `offset`."""
        left, top = self.left - offset.x(), self.top - offset.y()
        return QRect(left + column * self.side, top + row * self.side, self.side, self.side)

    def cell_at(self, position: QPoint, offset: QPoint) -> tuple[int, int] | None:
        """Return row and column of the cell at a position, or None outside the cells."""
        if not self.cells_area.contains(position):
            return None
        column = (position.x() - self.left + offset.x()) // self.side
        row = (position.y() - self.top + offset.y()) // self.side
        return (row, column) if row < self.num_classes and column < self.num_classes else None

    def visible(self, area: QRect, offset: QPoint) -> tuple[range, range]:
        """Return the rows and the columns with cells in a part of the view."""
        inside = area & self.cells_area
        rows = self._numbers(inside.top() - self.top + offset.y(), inside.height())
        return rows, self._numbers(inside.left() - self.left + offset.x(), inside.width())

    def _numbers(self, start: int, extent: int) -> range:
        if extent <= 0:
            return range(0)
        return range(max(0, start // self.side), min(self.num_classes, -(-(start + extent) // self.side)))
