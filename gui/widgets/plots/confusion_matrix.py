"""Confusion matrix: rows are actual classes, columns are predicted classes."""

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip, QWidget

from engine.core.formatting import count
from gui import theme
from gui.plain_text import as_plain
from gui.theme import GRID
from gui.widgets.plots.matrix_cells import paint_cells
from gui.widgets.plots.matrix_layout import MIN_SIDE, MatrixLayout, longest_name

_MAX_MINIMUM = 30 * GRID
"""The cells of many classes are scrolled rather than making the window larger than the screen."""
_ARROWS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class ConfusionMatrixView(QAbstractScrollArea):
    """View of a confusion matrix. A cell is chosen with the mouse, or with the arrow keys and Enter.

    The names stay visible while the cells are scrolled. Only visible names and cells are measured and painted, so that
    the cost does not depend on the number of classes.
    """

    cell_chosen = Signal(int, int)
    """Emitted with row and column of the cell that was clicked or entered."""
    cell_visited = Signal(int, int)
    """Emitted with row and column of the cell under the pointer or the keyboard cursor."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[str, ...] = ()
        self._counts: npt.NDArray[np.int64] = np.zeros((0, 0), np.int64)
        self._totals: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._longest = 0
        self._visited: tuple[int, int] | None = None
        self._chosen: tuple[int, int] | None = None
        self._layout = MatrixLayout.fit(0, 0, 0, QSize())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Confusion matrix")
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)

    def show_matrix(self, classes: tuple[str, ...], counts: npt.NDArray[np.int64]) -> None:
        """Show a confusion matrix: the names of K classes, and numbers of images, shape (K, K)."""
        self._classes, self._counts, self._totals = classes, counts, counts.sum(1)
        self._visited = self._chosen = None
        self._measure()

    def choose(self, cell: tuple[int, int] | None) -> None:
        """Highlight a cell as the chosen one, or none."""
        self._chosen = cell
        if cell is not None:
            self._visited = cell
        self.viewport().update()

    def describe_cell(self, row: int, column: int) -> str:
        """Return the count of a cell as text, such as `ants → bees: 3 images`."""
        number = count(int(self._counts[row, column]), "image")
        if not self._counts[row].any():
            return f"{self._classes[row]}: not measured, no images"
        if row == column:
            return f"{self._classes[row]}, correct: {number}"
        return f"{self._classes[row]} → {self._classes[column]}: {number}"

    def cell_rect(self, row: int, column: int) -> QRect:
        """Return the rectangle of a cell in coordinates of the viewport."""
        return self._layout.cell_rect(row, column, self._offset())

    def _offset(self) -> QPoint:
        return QPoint(self.horizontalScrollBar().value(), self.verticalScrollBar().value())

    def _measure(self) -> None:
        self._longest = longest_name(self._metrics(), self._classes)
        self.updateGeometry()
        self._arrange()

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(theme.small_font(self.font()))

    def _arrange(self) -> None:
        """Fit the cells into the view and set the scroll ranges."""
        line = self._metrics().height() + GRID
        # The size without scroll bars, so that a bar that appears does not change whether it is needed
        self._layout = MatrixLayout.fit(len(self._classes), self._longest, line, self.maximumViewportSize())
        area = self._layout.cells_area
        for bar, visible in ((self.horizontalScrollBar(), area.width()), (self.verticalScrollBar(), area.height())):
            bar.setRange(0, max(0, self._layout.extent + 1 - visible))
            bar.setPageStep(visible)
            bar.setSingleStep(self._layout.side)
        self.viewport().update()

    def _visit(self, cell: tuple[int, int]) -> None:
        if cell != self._visited:
            for changed in (self._visited, cell):
                if changed is not None:
                    self.viewport().update(self.cell_rect(*changed).adjusted(-2, -2, 2, 2))
            self._visited = cell
            self.setAccessibleDescription(self.describe_cell(*cell))
            self.cell_visited.emit(*cell)

    def _scroll_to(self, cell: tuple[int, int]) -> None:
        rect, area = self.cell_rect(*cell), self._layout.cells_area
        horizontal = min(0, rect.left() - area.left()) + max(0, rect.right() - area.right())
        vertical = min(0, rect.top() - area.top()) + max(0, rect.bottom() - area.bottom())
        self.horizontalScrollBar().setValue(self.horizontalScrollBar().value() + horizontal)
        self.verticalScrollBar().setValue(self.verticalScrollBar().value() + vertical)

    def _paint_row_names(self, painter: QPainter, colors: theme.Colors) -> None:
        layout, metrics = self._layout, painter.fontMetrics()
        rows, _ = layout.visible(layout.cells_area, self._offset())
        every = -(-metrics.height() // layout.side)  # if cells are lower than a line of text, some names are omitted
        painter.setClipRect(0, layout.top, layout.left, layout.size.height())
        painter.setPen(colors.text)
        width = layout.left - layout.line - GRID
        for number in range(rows.start - rows.start % every, rows.stop, every):
            text = metrics.elidedText(self._classes[number], Qt.TextElideMode.ElideMiddle, width)
            top = self.cell_rect(number, 0).top()
            rect = QRect(layout.line, top, width, layout.side * every)
            painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_column_names(self, painter: QPainter, colors: theme.Colors) -> None:
        layout, metrics = self._layout, painter.fontMetrics()
        _, columns = layout.visible(layout.cells_area, self._offset())
        every = 1 if layout.is_horizontal else -(-metrics.height() // layout.side)
        height = layout.top - layout.line
        painter.setClipRect(layout.left, 0, layout.size.width(), layout.top)
        painter.setPen(colors.text)
        for number in range(columns.start - columns.start % every, columns.stop, every):
            left = self.cell_rect(0, number).left()
            if layout.is_horizontal:
                rect = QRect(left, layout.line, layout.side, height - GRID // 2)
                alignment = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom
                painter.drawText(rect, alignment, self._classes[number])
                continue
            painter.save()
            painter.translate(left, layout.top - GRID // 2)
            painter.rotate(-90)
            text = metrics.elidedText(self._classes[number], Qt.TextElideMode.ElideMiddle, height - GRID)
            painter.drawText(QRect(0, 0, height, layout.side * every), Qt.AlignmentFlag.AlignVCenter, text)
            painter.restore()

    def _paint_axes(self, painter: QPainter, colors: theme.Colors) -> None:
        layout, line = self._layout, painter.fontMetrics().height()
        extent = min(layout.extent, layout.cells_area.height())
        painter.setPen(colors.muted)
        painter.drawText(QRect(layout.left, 0, layout.size.width(), line), Qt.AlignmentFlag.AlignLeft, "Predicted")
        painter.save()
        painter.translate(0, layout.top + extent)
        painter.rotate(-90)
        painter.drawText(QRect(0, 0, extent, line), Qt.AlignmentFlag.AlignRight, "Actual")
        painter.restore()

    def _paint_highlights(self, painter: QPainter, colors: theme.Colors) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._chosen is not None:
            painter.setPen(QPen(colors.accent, 2))
            painter.drawRoundedRect(self.cell_rect(*self._chosen), 2, 2)
        if self._visited is not None and self.hasFocus() and self._visited != self._chosen:
            painter.setPen(QPen(colors.text, 2))
            painter.drawRoundedRect(self.cell_rect(*self._visited), 2, 2)

    def sizeHint(self) -> QSize:
        """Return a size with readable cells."""
        return self._size_for(max(MIN_SIDE, min(64, 480 // max(1, len(self._classes)))), 480)

    def minimumSizeHint(self) -> QSize:
        """Return the size at which a cell is still large enough to click; more cells are scrolled."""
        return self._size_for(MIN_SIDE if len(self._classes) > 12 else 3 * GRID, _MAX_MINIMUM)

    def _size_for(self, side: int, limit: int) -> QSize:
        extent = min(limit, side * max(2, len(self._classes)))
        return QSize(self._layout.left + extent + GRID, self._layout.top + extent + GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint axis labels, class names, cells and highlights."""
        if not self._classes:
            return
        painter = QPainter(self.viewport())
        painter.setFont(theme.small_font(self.font()))
        colors = theme.colors(self.palette())
        area = self._layout.cells_area
        if not area.contains(event.rect()):
            self._paint_axes(painter, colors)
            self._paint_row_names(painter, colors)
            self._paint_column_names(painter, colors)
        painter.setClipRect(area)
        rows, columns = self._layout.visible(event.rect(), self._offset())
        if rows and columns:
            block = np.s_[rows.start : rows.stop, columns.start : columns.stop]
            first = self.cell_rect(rows.start, columns.start)
            paint_cells(painter, colors, self._counts[block], self._totals[block[0]], first)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_highlights(painter, colors)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the cells into the new size."""
        super().resizeEvent(event)
        self._arrange()

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        """Paint again: the names at the margins do not move with the cells."""
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move with the arrow keys; choose with Enter or Space."""
        step = _ARROWS.get(Qt.Key(event.key()))
        if step is not None and self._classes:
            row, column = self._visited or (0, 0)
            last = len(self._classes) - 1
            moved = (row + step[0], column + step[1]) if self._visited else (0, 0)
            self._visit((min(last, max(0, moved[0])), min(last, max(0, moved[1]))))
            if self._visited is not None:
                self._scroll_to(self._visited)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._visited:
            self.cell_chosen.emit(*self._visited)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Visit the cell under the pointer."""
        cell = self._layout.cell_at(event.position().toPoint(), self._offset())
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if cell else Qt.CursorShape.ArrowCursor)
        if cell is not None:
            self._visit(cell)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the cell under the pointer."""
        cell = self._layout.cell_at(event.position().toPoint(), self._offset())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self._visit(cell)
            self.cell_chosen.emit(*cell)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show the count of a cell as a tooltip."""
        if event.type() == QEvent.Type.ToolTip:
            cell = self._layout.cell_at(event.pos(), self._offset())  # type: ignore[attr-defined]
            if cell is not None:
                QToolTip.showText(event.globalPos(), as_plain(self.describe_cell(*cell)), self)  # type: ignore[attr-defined]
                return True
        return super().viewportEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Measure the names again when the font changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_longest"):
            self._measure()
