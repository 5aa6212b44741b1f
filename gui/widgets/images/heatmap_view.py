"""Image view with a heat map overlay."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QImage, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from engine.results.explanation import COLOUR_MAP, Box, HeatMap, opacity
from gui import theme
from gui.theme import GRID
from gui.widgets.images.image_view import ImageView

LEGEND = "high attention"


class HeatmapView(ImageView):
    """View of an image file with an optional heat map over the region that is the input of the model."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heat: QImage | None = None
        self._box = Box(0, 0, 1, 1)

    @property
    def has_heatmap(self) -> bool:
        """True if a heat map is shown."""
        return self._heat is not None

    def show_heatmap(self, heat: HeatMap | None, box: Box | None = None) -> None:
        """Show a heat map over the image, or hide it.

        Args:
            heat: Float array of shape (S, S) with values in 0..1, or None to hide the overlay.
            box: Region of the image that the heat map covers; the whole image if None.
        """
        self._heat = None if heat is None else heatmap_image(heat)
        self._box = box or Box(0, 0, 1, 1)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the image, the heat map and its legend."""
        super().paintEvent(event)
        if self._heat is None or self._image.isNull():
            return
        image_rect = self._image_rect()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setClipRect(image_rect)
        painter.drawImage(input_rect(image_rect, self._box), self._heat)
        painter.setClipping(False)
        self._paint_legend(painter, image_rect)

    def _paint_legend(self, painter: QPainter, image_rect: QRect) -> None:
        colors, font = theme.colors(self.palette()), theme.small_font(self.font())
        metrics = QFontMetrics(font)
        ramp = 6 * GRID
        width, height = metrics.horizontalAdvance(LEGEND) + ramp + 3 * GRID, metrics.height() + GRID
        # The legend is painted inside the image because there is no space below an image that fills the widget.
        background = QRect(image_rect.left() + GRID, image_rect.bottom() - height - GRID, width, height)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.surface)
        painter.drawRoundedRect(background, theme.RADIUS, theme.RADIUS)
        bar = QRect(background.left() + GRID, background.center().y() - 3, ramp, 6)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for stop, colour in zip(
            np.linspace(0, 1, 9), pg.colormap.get(COLOUR_MAP).getLookupTable(nPts=9, mode="qcolor")
        ):
            gradient.setColorAt(float(stop), colour)
        painter.fillRect(bar, gradient)
        painter.setFont(font)
        painter.setPen(colors.text)
        text_rect = background.adjusted(2 * GRID + ramp, 0, 0, 0)
        painter.drawText(text_rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, LEGEND)


def input_rect(image_rect: QRect, box: Box) -> QRectF:
    """Return the rectangle of the model input in widget coordinates.

    Args:
        image_rect: Rectangle in which the whole image is painted.
        box: Model input as fractions of the image width and height.
    """
    width, height = image_rect.width(), image_rect.height()
    left, top = image_rect.left() + box.left * width, image_rect.top() + box.top * height
    return QRectF(left, top, (box.right - box.left) * width, (box.bottom - box.top) * height)


def heatmap_image(heat: HeatMap) -> QImage:
    """Return a heat map (S, S) in 0..1 as an RGBA image; higher values are brighter and more opaque."""
    table = pg.colormap.get(COLOUR_MAP).getLookupTable(nPts=256, alpha=False)
    pixels = np.empty((*heat.shape, 4), np.uint8)
    pixels[..., :3] = table[np.round(heat * 255).astype(np.uint8)]
    pixels[..., 3] = np.round(255 * opacity(heat))
    height, width = heat.shape
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
