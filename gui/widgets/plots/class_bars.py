"""Bars of the probabilities of the most likely classes."""

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.core.formatting import percent
from gui import theme
from gui.theme import GRID, RADIUS


class ClassBars(QWidget):
    """Bar chart with one row per class and its probability. A click, or Up, Down and Enter, chooses a class."""

    chosen = Signal(str)
    """Emitted with the name of the class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._top: tuple[tuple[str, float], ...] = ()
        self._highlighted: str | None = None
        self._current = 0
        self.setAccessibleName("Most likely classes")
        self.setToolTip(
            "Confidence in each class (softmax probability). Click a class to see the regions that support it."
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_top(self, top: tuple[tuple[str, float], ...]) -> None:
        """Show the most likely classes with their probabilities (0..1), the most likely first."""
        self._top, self._current = top, 0
        self.setAccessibleDescription(", ".join(f"{name} {percent(probability)}" for name, probability in top))
        self.updateGeometry()
        self.update()

    def highlight(self, name: str | None) -> None:
        """Highlight the class that is explained, or none."""
        self._highlighted = name
        self.update()

    def choose(self, row: int) -> None:
        """Choose the class of a row."""
        if 0 <= row < len(self._top):
            self._current = row
            self.update()
            self.chosen.emit(self._top[row][0])

    def _row_height(self) -> int:
        return QFontMetrics(self.font()).height() + GRID

    def sizeHint(self) -> QSize:
        """Return the size for one line per class."""
        return QSize(30 * GRID, self._row_height() * len(self._top))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the class under the pointer."""
        self.choose(int(event.position().y()) // self._row_height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move with Up and Down; choose with Enter or Space."""
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if event.key() == Qt.Key.Key_Down else -1
            self._current = min(max(self._current + step, 0), max(0, len(self._top) - 1))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.choose(self._current)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint name, bar and percentage of each class."""
        colors = theme.colors(self.palette())
        painter = QPainter(self)
        metrics, height = QFontMetrics(self.font()), self._row_height()
        number_width = metrics.horizontalAdvance("100 %  ")
        name_width = min(self.width() // 3, max((metrics.horizontalAdvance(n) for n, _ in self._top), default=0) + GRID)
        margin = GRID // 2
        track_width = max(1, self.width() - name_width - number_width - 2 * margin)
        for row, (name, probability) in enumerate(self._top):
            line = QRect(0, row * height, self.width(), height)
            if name == self._highlighted:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colors.raised)
                painter.drawRoundedRect(line, RADIUS, RADIUS)
            if self.hasFocus() and row == self._current:
                painter.setPen(QPen(colors.accent, 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(line.adjusted(0, 0, -1, -1), RADIUS, RADIUS)
            inner = line.adjusted(margin, 0, -margin, 0)
            painter.setPen(colors.text)
            short = metrics.elidedText(name, Qt.TextElideMode.ElideRight, name_width - GRID // 2)
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, short)
            track = QRect(inner.left() + name_width, line.center().y() - 3, track_width, 6)
            painter.fillRect(track, colors.hairline if name == self._highlighted else colors.raised)
            filled = QRect(track.left(), track.top(), round(track.width() * probability), track.height())
            painter.fillRect(filled, colors.accent if row == 0 else colors.muted)
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, percent(probability))
