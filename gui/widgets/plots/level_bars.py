"""Accuracy at a few strengths of one change, as short bars one below the other."""

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.core.formatting import percent
from gui import theme
from gui.theme import GRID


class LevelBars(QWidget):
    """One line a strength: its words, a bar, the accuracy; a thin mark shows the accuracy on unchanged images."""

    def __init__(self, levels: list[tuple[str, float]], unchanged: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._levels, self._unchanged = levels, unchanged
        self.setFont(theme.small_font(self.font()))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Accuracy by strength")
        self.setAccessibleDescription(", ".join(f"{words}: {percent(share)}" for words, share in levels))
        self.setToolTip(f"The thin mark is the accuracy on the same images as they are: {percent(unchanged)}")

    def _row_height(self) -> int:
        return QFontMetrics(self.font()).height() + GRID // 2

    def sizeHint(self) -> QSize:
        """Ask for a line for each strength."""
        return QSize(28 * GRID, self._row_height() * len(self._levels))

    def minimumSizeHint(self) -> QSize:
        """Give way in width."""
        return QSize(20 * GRID, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the lines."""
        colors = theme.colors(self.palette())
        painter = QPainter(self)
        metrics, height = QFontMetrics(self.font()), self._row_height()
        words_width = metrics.horizontalAdvance("0.75 x light   ")
        number_width = metrics.horizontalAdvance("99.9 %  ")
        room = max(1, self.width() - words_width - number_width)
        middle = Qt.AlignmentFlag.AlignVCenter
        for row, (words, share) in enumerate(self._levels):
            line = QRect(0, row * height, self.width(), height)
            painter.setPen(colors.muted)
            painter.drawText(line, middle | Qt.AlignmentFlag.AlignLeft, words)
            track = QRect(words_width, line.center().y() - 3, room, 6)
            painter.fillRect(track, colors.raised)
            painter.fillRect(QRect(track.topLeft(), QSize(round(room * share), track.height())), colors.val_line)
            mark = QRect(track.left() + round(room * self._unchanged) - 1, track.top() - 2, 1, track.height() + 4)
            painter.fillRect(mark, colors.text)
            painter.setPen(colors.text)
            painter.drawText(line, middle | Qt.AlignmentFlag.AlignRight, percent(share))
