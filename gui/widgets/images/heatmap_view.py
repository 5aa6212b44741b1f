"""A picture with what the network looked at laid over it."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QImage, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from engine.results.explanation import COLOUR_MAP, Box, HeatMap, opacity
from gui import theme
from gui.theme import GRID
from gui.widgets.images.image_view import ImageView

LEGEND = "looked at here"


class HeatmapView(ImageView):
    """Shows an image file and, where one is given, a heat map over the part of it that the network saw."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heat: QImage | None = None
        self._box = Box(0, 0, 1, 1)

    @property
    def has_heatmap(self) -> bool:
        """Whether a heat map is shown."""
        return self._heat is not None

    def show_heatmap(self, heat: HeatMap | None, box: Box | None = None) -> None:
        """Lay a heat map, shape (S, S), 0..1, over `box` of the picture, or take it away."""
        self._heat = None if heat is None else heatmap_image(heat)
        self._box = box or Box(0, 0, 1, 1)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture, the heat and its legend."""
        super().paintEvent(event)
        if self._heat is None or self._image.isNull():
            return
        place = self._place()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setClipRect(place)
        painter.drawImage(input_rect(place, self._box), self._heat)
        painter.setClipping(False)
        self._paint_legend(painter, place)

    def _paint_legend(self, painter: QPainter, place: QRect) -> None:
        colors, font = theme.colors(self.palette()), theme.small_font(self.font())
        metrics = QFontMetrics(font)
        ramp = 6 * GRID
        width, height = metrics.horizontalAdvance(LEGEND) + ramp + 3 * GRID, metrics.height() + GRID
        # Inside the picture, for below a picture that fills its room there is none
        back = QRect(place.left() + GRID, place.bottom() - height - GRID, width, height)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.surface)
        painter.drawRoundedRect(back, theme.RADIUS, theme.RADIUS)
        bar = QRect(back.left() + GRID, back.center().y() - 3, ramp, 6)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for stop, colour in zip(
            np.linspace(0, 1, 9), pg.colormap.get(COLOUR_MAP).getLookupTable(nPts=9, mode="qcolor")
        ):
            gradient.setColorAt(float(stop), colour)
        painter.fillRect(bar, gradient)
        painter.setFont(font)
        painter.setPen(colors.text)
        words = back.adjusted(2 * GRID + ramp, 0, 0, 0)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, LEGEND)


def input_rect(place: QRect, box: Box) -> QRectF:
    """Return where on the widget the square lies that the network saw of a picture drawn at `place`."""
    left, top = place.left() + box.left * place.width(), place.top() + box.top * place.height()
    return QRectF(left, top, (box.right - box.left) * place.width(), (box.bottom - box.top) * place.height())


def heatmap_image(heat: HeatMap) -> QImage:
    """Return a heat map as a picture: the hotter, the brighter and the more opaque."""
    table = pg.colormap.get(COLOUR_MAP).getLookupTable(nPts=256, alpha=False)
    pixels = np.empty((*heat.shape, 4), np.uint8)
    pixels[..., :3] = table[np.round(heat * 255).astype(np.uint8)]
    pixels[..., 3] = np.round(255 * opacity(heat))
    height, width = heat.shape
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
