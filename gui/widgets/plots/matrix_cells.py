"""Paint a block of cells of a confusion matrix: colours as one image, then the numbers that fit."""

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from gui import theme
from gui.theme import GRID

Counts = npt.NDArray[np.int64]

_DARKEST_LUMA = 140
"""Fills above this luma (ITU-R BT.601) have a higher contrast with black than with white."""


def paint_cells(painter: QPainter, colors: theme.Colors, counts: Counts, totals: Counts, first: QRect) -> None:
    """Paint cells whose colour is their share of the row.

    Args:
        painter: Painter with the font of the numbers.
        colors: Colours of the theme.
        counts: Numbers of images of the cells, shape (R, C).
        totals: Sums of the whole rows, shape (R,).
        first: Rectangle of the first cell.
    """
    fills = _fills(colors, counts, totals)
    painter.drawImage(first.topLeft(), _image(fills, first.width()))
    if first.width() >= painter.fontMetrics().height() + 2:
        _paint_numbers(painter, colors, counts, fills, first)


def _fills(colors: theme.Colors, counts: Counts, totals: Counts) -> npt.NDArray[np.uint8]:
    """Return the colour of each cell, RGB, shape (R, C, 3)."""
    shares = counts / np.maximum(totals, 1)[:, None]
    weights = np.where(counts > 0, 0.12 + 0.78 * shares**0.7, 0.0)[..., None]
    low, high = (np.array([c.red(), c.green(), c.blue()]) for c in (colors.surface, colors.val_line))
    fills: npt.NDArray[np.uint8] = np.round(low * (1 - weights) + high * weights).astype(np.uint8)
    return fills


def _image(fills: npt.NDArray[np.uint8], side: int) -> QImage:
    """Return the cells as an image with transparent gaps at the left and at the top of each cell."""
    gap = 1 if side < 3 * GRID else 2
    opaque = np.full((*fills.shape[:2], 1), 255, np.uint8)
    pixels = np.concatenate([fills, opaque], axis=2).repeat(side, 0).repeat(side, 1)
    is_gap = np.arange(side) < gap
    pixels[np.tile(is_gap, len(fills))] = 0
    pixels[:, np.tile(is_gap, fills.shape[1])] = 0
    height, width, _ = pixels.shape
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


def _paint_numbers(
    painter: QPainter, colors: theme.Colors, counts: Counts, fills: npt.NDArray[np.uint8], first: QRect
) -> None:
    side, metrics = first.width(), painter.fontMetrics()
    is_light = fills @ np.array([0.299, 0.587, 0.114]) > _DARKEST_LUMA
    # All digits are equally wide, so one measurement for each number of digits is enough
    fitting_digits = max((n for n in range(1, 8) if metrics.horizontalAdvance("0" * n) < side - 2), default=0)
    pens = {True: QColor(Qt.GlobalColor.black), False: QColor(Qt.GlobalColor.white)}
    for (row, column), number in np.ndenumerate(counts):
        text = f"{number:,}" if number else "·"
        if len(text) > fitting_digits:
            continue
        painter.setPen(pens[bool(is_light[row, column])] if number else colors.hairline)
        rect = first.translated(QPoint(column * side, row * side))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
