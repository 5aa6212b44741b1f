"""One image and its answer in words, with bars for the likeliest classes."""

from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from engine.predictions import Prediction
from gui import theme
from gui.theme import GRID
from gui.widgets.image_view import ImageView
from gui.widgets.labels import MutedLabel, TitleLabel
from gui.wording import percent


class AnswerView(QWidget):
    """The picture as large as there is room for, the answer below it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = ImageView(self)
        self.answer = TitleLabel("", self)
        self.file_name = MutedLabel("", self)
        self.bars = _Bars(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 2 * GRID, 0)
        column.setSpacing(GRID)
        column.addWidget(self.view, 1)
        column.addWidget(self.answer)
        column.addWidget(self.file_name)
        column.addWidget(self.bars)

    def show_prediction(self, prediction: Prediction | None) -> None:
        """Show an image with its answer, or nothing."""
        if prediction is None:
            self.view.show_file(None)
            self.answer.setText("")
            self.file_name.setText("")
            self.bars.show_top(())
            return
        path = Path(prediction.path)
        if path != self.view.path:
            self.view.show_file(path)
        self.file_name.setText(path.name)
        self.file_name.setToolTip(str(path))
        self.answer.setText(in_words(prediction))
        self.bars.show_top(prediction.top)


def in_words(prediction: Prediction) -> str:
    """Return the answer as people say it."""
    if prediction.label is None or prediction.confidence is None:
        return prediction.error or "There is no answer."
    return f"{prediction.label}, {percent(prediction.confidence)}"


class _Bars(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._top: tuple[tuple[str, float], ...] = ()
        self.setAccessibleName("Likeliest classes")
        self.setToolTip("How sure the model is of each class (softmax probability)")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_top(self, top: tuple[tuple[str, float], ...]) -> None:
        """Show the likeliest classes."""
        self._top = top
        self.setAccessibleDescription(", ".join(f"{name} {percent(share)}" for name, share in top))
        self.updateGeometry()
        self.update()

    def _row_height(self) -> int:
        return QFontMetrics(self.font()).height() + GRID

    def sizeHint(self) -> QSize:
        return QSize(30 * GRID, self._row_height() * len(self._top))

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.colors(self.palette())
        painter = QPainter(self)
        metrics, height = QFontMetrics(self.font()), self._row_height()
        number_width = metrics.horizontalAdvance("100 %  ")
        name_width = min(self.width() // 3, max((metrics.horizontalAdvance(n) for n, _ in self._top), default=0) + GRID)
        room = max(1, self.width() - name_width - number_width)
        for row, (name, share) in enumerate(self._top):
            line = QRect(0, row * height, self.width(), height)
            painter.setPen(colors.text)
            short = metrics.elidedText(name, Qt.TextElideMode.ElideRight, name_width - GRID // 2)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, short)
            track = QRect(name_width, line.center().y() - 3, room, 6)
            painter.fillRect(track, colors.raised)
            filled = QRect(track.left(), track.top(), round(track.width() * share), track.height())
            painter.fillRect(filled, colors.accent if row == 0 else colors.muted)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, percent(share))
