"""Bars of the accuracy at several strengths of an image corruption."""

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.core.formatting import percent
from gui import theme
from gui.theme import GRID


class LevelBars(QWidget):
    """One line per strength with label, bar and accuracy. A thin mark is the accuracy on unmodified images."""

    def __init__(self, levels: list[tuple[str, float]], unmodified: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._levels, self._unmodified = levels, unmodified
        self.setFont(theme.small_font(self.font()))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Accuracy by strength")
        self.setAccessibleDescription(", ".join(f"{label}: {percent(accuracy)}" for label, accuracy in levels))
        self.setToolTip(f"Thin mark: accuracy on the unmodified images, {percent(unmodified)}")

    def _row_height(self) -> int:
        return QFontMetrics(self.font()).height() + GRID // 2

    def sizeHint(self) -> QSize:
        """Return the size for one line per strength."""
        return QSize(28 * GRID, self._row_height() * len(self._levels))

    def minimumSizeHint(self) -> QSize:
        """Return a smaller width."""
        return QSize(20 * GRID, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint label, bar and accuracy of each strength."""
        colors = theme.colors(self.palette())
        painter = QPainter(self)
        metrics, height = QFontMetrics(self.font()), self._row_height()
        label_width = metrics.horizontalAdvance("brightness ×0.75   ")
        number_width = metrics.horizontalAdvance("99.9 %  ")
        track_width = max(1, self.width() - label_width - number_width)
        middle = Qt.AlignmentFlag.AlignVCenter
        for row, (label, accuracy) in enumerate(self._levels):
            line = QRect(0, row * height, self.width(), height)
            painter.setPen(colors.muted)
            painter.drawText(line, middle | Qt.AlignmentFlag.AlignLeft, label)
            track = QRect(label_width, line.center().y() - 3, track_width, 6)
            painter.fillRect(track, colors.raised)
            painter.fillRect(
                QRect(track.topLeft(), QSize(round(track_width * accuracy), track.height())), colors.val_line
            )
            mark = QRect(
                track.left() + round(track_width * self._unmodified) - 1, track.top() - 2, 1, track.height() + 4
            )
            painter.fillRect(mark, colors.text)
            painter.setPen(colors.text)
            painter.drawText(line, middle | Qt.AlignmentFlag.AlignRight, percent(accuracy))
