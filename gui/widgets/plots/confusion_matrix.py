"""Confusion matrix: rows are actual classes, columns are predicted classes."""

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from engine.core.formatting import count
from engine.results.evaluation import Evaluation
from gui import theme
from gui.plain_text import as_plain
from gui.theme import GRID

_MIN_SIDE, _MAX_SIDE = 8, 88
_MAX_LABEL_WIDTH = 15 * GRID
_ARROWS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class ConfusionMatrixView(QWidget):
    """View of a confusion matrix. A cell is chosen with the mouse, or with the arrow keys and Enter."""

    cell_chosen = Signal(int, int)
    """Emitted with row and column of the cell that was clicked or entered."""
    cell_visited = Signal(int, int)
    """Emitted with row and column of the cell under the pointer or the keyboard cursor."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[str, ...] = ()
        self._counts: tuple[tuple[int, ...], ...] = ()
        self._visited: tuple[int, int] | None = None
        self._chosen: tuple[int, int] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)

    def show_evaluation(self, evaluation: Evaluation | None) -> None:
        """Show the confusion matrix of an evaluation, or nothing."""
        self._classes = evaluation.classes if evaluation else ()
        self._counts = evaluation.confusion if evaluation else ()
        self._visited = self._chosen = None
        self.updateGeometry()
        self.update()

    def choose(self, cell: tuple[int, int] | None) -> None:
        """Highlight a cell as the chosen one, or none."""
        self._chosen = cell
        if cell is not None:
            self._visited = cell
        self.update()

    @property
    def visited(self) -> tuple[int, int] | None:
        """The cell under the pointer or the keyboard cursor."""
        return self._visited

    def describe_cell(self, row: int, column: int) -> str:
        """Return the count of a cell as text, such as `ants → bees: 3 images`."""
        number = count(self._counts[row][column], "image")
        if row == column:
            return f"{self._classes[row]}, correct: {number}"
        return f"{self._classes[row]} → {self._classes[column]}: {number}"

    def cell_rect(self, row: int, column: int) -> QRect:
        """Return the rectangle of a cell in widget coordinates."""
        side = self._side()
        left, top = self._margins()
        return QRect(left + column * side, top + row * side, side, side)

    def _side(self) -> int:
        left, top = self._margins()
        extent = min(self.width() - left - 1, self.height() - top - 1)
        return max(_MIN_SIDE, min(_MAX_SIDE, extent // max(1, len(self._classes))))

    def _margins(self) -> tuple[int, int]:
        """Return the left and top margins in pixels, for the class names and the axis labels."""
        metrics = QFontMetrics(theme.small_font(self.font()))
        longest = max((metrics.horizontalAdvance(name) for name in self._classes), default=0)
        names = min(_MAX_LABEL_WIDTH, longest) + 2 * GRID
        line = metrics.height() + GRID
        # Column names are horizontal if they fit into a cell and rotated otherwise.
        return names + line, (line if self._fits_horizontally(longest) else names) + line

    def _fits_horizontally(self, longest: int) -> bool:
        return longest + GRID <= min(_MAX_SIDE, self.width() // (len(self._classes) + 2) if self._classes else 0)

    def _visit(self, cell: tuple[int, int]) -> None:
        if cell != self._visited:
            self._visited = cell
            self.setAccessibleDescription(self.describe_cell(*cell))
            self.cell_visited.emit(*cell)
            self.update()

    def _cell_at(self, position: QPoint) -> tuple[int, int] | None:
        left, top = self._margins()
        column, row = (position.x() - left) // self._side(), (position.y() - top) // self._side()
        is_inside = 0 <= row < len(self._classes) and 0 <= column < len(self._classes)
        return (row, column) if is_inside else None

    def _paint_names(self, painter: QPainter, colors: theme.Colors) -> None:
        metrics = painter.fontMetrics()
        side = self._side()
        left, top = self._margins()
        line = metrics.height() + GRID
        every = -(-metrics.height() // side)  # if cells are lower than a line of text, some names are omitted
        is_horizontal = top < left or self._fits_horizontally(max(map(metrics.horizontalAdvance, self._classes)))
        painter.setPen(colors.text)
        for number, name in enumerate(self._classes):
            if number % every:
                continue
            height = side * every
            text = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, left - line - GRID)
            rows = QRect(line, top + number * side, left - line - GRID, min(height, side * every))
            painter.drawText(rows, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
            if is_horizontal:
                columns = QRect(left + number * side, line, side, top - line - GRID // 2)
                painter.drawText(columns, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, name)
                continue
            painter.save()
            painter.translate(left + number * side, top - GRID // 2)
            painter.rotate(-90)
            text = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, top - line - GRID)
            painter.drawText(QRect(0, 0, top - line, height), Qt.AlignmentFlag.AlignVCenter, text)
            painter.restore()

    def _paint_axes(self, painter: QPainter, colors: theme.Colors) -> None:
        left, top = self._margins()
        extent = self._side() * len(self._classes)
        line = painter.fontMetrics().height()
        painter.setPen(colors.muted)
        painter.drawText(QRect(left, 0, extent, line), Qt.AlignmentFlag.AlignLeft, "Predicted")
        painter.save()
        painter.translate(0, top + extent)
        painter.rotate(-90)
        painter.drawText(QRect(0, 0, extent, line), Qt.AlignmentFlag.AlignRight, "Actual")
        painter.restore()

    def _paint_cells(self, painter: QPainter, colors: theme.Colors, visible: QRect) -> None:
        side = self._side()
        has_numbers = side >= painter.fontMetrics().height() + 2
        gap = 1 if side < 3 * GRID else 2
        for row, counts in enumerate(self._counts):
            total = sum(counts) or 1
            for column, number in enumerate(counts):
                rect = self.cell_rect(row, column)
                if not rect.intersects(visible):
                    continue
                fill = _blend(colors.surface, colors.val_line, 0.12 + 0.78 * (number / total) ** 0.7 if number else 0.0)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(fill)
                inner = rect.adjusted(gap, gap, 0, 0)
                painter.drawRoundedRect(inner, gap, gap)
                fits = has_numbers and painter.fontMetrics().horizontalAdvance(str(number)) < side - 2
                if number and fits:
                    painter.setPen(_readable_on(fill))
                    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, f"{number:,}")
                elif fits:
                    painter.setPen(colors.hairline)
                    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, "·")

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
        left, top = self._margins()
        side = max(_MIN_SIDE, min(64, 480 // max(1, len(self._classes)))) * max(2, len(self._classes))
        return QSize(left + side + GRID, top + side + GRID)

    def minimumSizeHint(self) -> QSize:
        """Return the size at which a cell is still large enough to click."""
        left, top = self._margins()
        side = (_MIN_SIDE if len(self._classes) > 12 else 3 * GRID) * max(2, len(self._classes))
        return QSize(left + side + GRID, top + side + GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint axis labels, class names, cells and highlights."""
        if not self._classes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.small_font(self.font()))
        colors = theme.colors(self.palette())
        self._paint_axes(painter, colors)
        self._paint_names(painter, colors)
        self._paint_cells(painter, colors, event.rect())
        self._paint_highlights(painter, colors)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move with the arrow keys; choose with Enter or Space."""
        step = _ARROWS.get(Qt.Key(event.key()))
        if step is not None and self._classes:
            row, column = self._visited or (0, 0)
            last = len(self._classes) - 1
            moved = (row + step[0], column + step[1]) if self._visited else (0, 0)
            self._visit((min(last, max(0, moved[0])), min(last, max(0, moved[1]))))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._visited:
            self.cell_chosen.emit(*self._visited)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Visit the cell under the pointer."""
        cell = self._cell_at(event.position().toPoint())
        self.setCursor(Qt.CursorShape.PointingHandCursor if cell else Qt.CursorShape.ArrowCursor)
        if cell is not None:
            self._visit(cell)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the cell under the pointer."""
        cell = self._cell_at(event.position().toPoint())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self._visit(cell)
            self.cell_chosen.emit(*cell)

    def event(self, event: QEvent) -> bool:
        """Show the count of a cell as a tooltip."""
        if event.type() == QEvent.Type.ToolTip:
            cell = self._cell_at(event.pos())  # type: ignore[attr-defined]
            if cell is not None:
                QToolTip.showText(event.globalPos(), as_plain(self.describe_cell(*cell)), self)  # type: ignore[attr-defined]
                return True
        return super().event(event)


def _blend(low: QColor, high: QColor, fraction: float) -> QColor:
    pairs = ((low.red(), high.red()), (low.green(), high.green()), (low.blue(), high.blue()))
    return QColor(*(round(start * (1 - fraction) + end * fraction) for start, end in pairs))


def _readable_on(fill: QColor) -> QColor:
    """Return black or white, whichever has the higher contrast (luma of ITU-R BT.601)."""
    luma = 0.299 * fill.red() + 0.587 * fill.green() + 0.114 * fill.blue()
    return QColor(Qt.GlobalColor.black if luma > 140 else Qt.GlobalColor.white)
