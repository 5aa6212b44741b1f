"""Base plot with a common style: light grid, muted axes, theme colours and direct labels."""

import math
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QWidget

from gui import theme

_RIGHT_MARGIN = 8
_AXIS_OVERHANG = 15
_Y_MARGIN = 0.004
_BACKGROUND_ALPHA = 200
"""Opacity (0..255) of the background of a label: text is legible, and curves behind it are visible."""


class EpochAxis(pg.AxisItem):  # type: ignore[misc]
    """Axis of whole epochs up to the last epoch of the run."""

    last_epoch = math.inf

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Return ticks at every 1, 2, 5, 10, ... epochs, depending on the size in pixels."""
        step = _whole_step(high - low, max(2.0, size / 64))
        last = math.floor(min(high, self.last_epoch))
        return [(float(step), [float(value) for value in range(step, last + 1, step)])]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        """Format whole numbers, the first with its unit."""
        return [f"epoch {value:.0f}" if value == spacing else f"{value:.0f}" for value in values]


class _LeftAxis(pg.AxisItem):  # type: ignore[misc]
    def boundingRect(self) -> QRectF:
        """Extend the axis by half a line of text at both ends; with a grid, pyqtgraph would omit the outer labels."""
        return super().boundingRect().adjusted(0, -_AXIS_OVERHANG, 0, _AXIS_OVERHANG)  # type: ignore[no-any-return]


class CountAxis(pg.AxisItem):  # type: ignore[misc]
    """Axis of numbers of images."""

    unit = "images"

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Return ticks at round numbers, depending on the size in pixels."""
        step = _whole_step(high - low, max(2.0, size / 70))
        first = max(1, math.ceil(low / step))
        return [(float(step), [float(number * step) for number in range(first, math.floor(high / step) + 1)])]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        """Format whole numbers, the first with its unit."""
        return [f"{value:,.0f} {self.unit}" if value == spacing else f"{value:,.0f}" for value in values]


class ShareAxis(pg.AxisItem):  # type: ignore[misc]
    """Horizontal axis of fractions (0..1) in percent, the first label with the quantity."""

    def __init__(self, orientation: str, quantity: str) -> None:
        self._quantity = quantity
        super().__init__(orientation)

    def tickValues(self, _low: float, _high: float, size: float) -> list[tuple[float, list[float]]]:
        """Return ticks at every quarter, or every half on a small axis, but none at zero."""
        step = 0.25 if size > 240 else 0.5
        return [(step, [step * number for number in range(1, round(1 / step))])]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        """Format percentages."""
        unit = f" {self._quantity}"
        return [f"{value * 100:.0f}\N{NO-BREAK SPACE}%{unit if value == spacing else ''}" for value in values]


class PercentAxis(_LeftAxis):
    """Vertical axis of fractions (0..1) in percent."""

    def tickValues(self, _low: float, _high: float, size: float) -> list[tuple[float, list[float]]]:
        """Return ticks at every quarter, or every half on a small axis."""
        step = 0.25 if size > 120 else 0.5
        return [(step, [step * number for number in range(round(1 / step) + 1)])]

    def tickStrings(self, values: Sequence[float], _scale: float, _spacing: float) -> list[str]:
        """Format percentages."""
        return [f"{value * 100:.0f}\N{NO-BREAK SPACE}%" for value in values]


class NumberAxis(_LeftAxis):
    """Vertical axis of numbers."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Return three to six ticks at round numbers."""
        step = _round_step(high - low, max(2.0, size / 48))
        first = math.ceil(low / step - 1e-9)
        return [(step, [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)])]

    def tickStrings(self, values: Sequence[float], _scale: float, _spacing: float) -> list[str]:
        """Format numbers with as few digits as needed."""
        return [f"{value:.6g}" for value in values]


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """Plot that follows the palette. The x axis counts epochs by default; zooming and dragging are off."""

    hovered = Signal(object)
    """Emitted with the x value under the pointer, or None when the pointer leaves the plot."""

    def __init__(self, y_axis: pg.AxisItem, parent: QWidget | None = None, x_axis: pg.AxisItem | None = None) -> None:
        self._styled: list[tuple[pg.PlotDataItem | pg.TextItem, str, float, Qt.PenStyle, int]] = []
        axes = {"left": y_axis, "bottom": x_axis or EpochAxis("bottom")}
        super().__init__(parent, axisItems=axes, enableMenu=False)
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.getPlotItem().getViewBox().setDefaultPadding(0)
        self.getPlotItem().layout.setContentsMargins(0, 4, _RIGHT_MARGIN, 0)
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self._cursor.hide()
        self.addItem(self._cursor, ignoreBounds=True)
        self.scene().sigMouseMoved.connect(self._on_mouse_moved)
        self.restyle()

    def add_curve(
        self, colour: str, width: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine, alpha: int = 255
    ) -> pg.PlotDataItem:
        """Add an empty curve. `colour` is a field of `theme.Colors`, `alpha` is 0..255."""
        curve = pg.PlotDataItem(antialias=True)
        self.addItem(curve)
        self._styled.append((curve, colour, width, style, alpha))
        self._style_item(*self._styled[-1])
        return curve

    def add_label(self, colour: str, anchor: tuple[float, float], has_background: bool = False) -> pg.TextItem:
        """Add a hidden label.

        Args:
            colour: Field of `theme.Colors`.
            anchor: Point of the label, in fractions of its size, that `setPos` places.
            has_background: Whether the label hides the grid and the curves behind it.
        """
        label = pg.TextItem(anchor=anchor)
        label.setProperty("has_background", has_background)
        label.hide()
        self.addItem(label, ignoreBounds=True)
        self._styled.append((label, colour, 0, Qt.PenStyle.NoPen, 255))
        self._style_item(*self._styled[-1])
        return label

    def remove_curve(self, curve: pg.PlotDataItem) -> None:
        """Remove a curve."""
        self.removeItem(curve)
        self._styled = [styled for styled in self._styled if styled[0] is not curve]

    def set_ranges(self, x_max: float, y_max: float) -> None:
        """Set both axes to the range from zero to these values."""
        self.setXRange(0, x_max, padding=0)
        self.setYRange(-_Y_MARGIN * y_max, y_max, padding=0)  # rounding would hide a tick exactly at the edge

    def units_per_pixel(self) -> tuple[float, float]:
        """Return the width and height of a pixel in data units."""
        width, height = self.getPlotItem().getViewBox().viewPixelSize()
        return float(width), float(height)

    def restyle(self) -> None:
        """Apply the colours and the font of the window."""
        colors = theme.colors(self.palette())
        self.setBackground(None)
        font = theme.small_font(self.font())
        for name in ("left", "bottom"):
            axis = self.getAxis(name)
            axis.setStyle(tickLength=0, tickFont=font, tickTextOffset=6, hideOverlappingLabels=False)
            axis.setZValue(-1000)  # draws the grid below the curves
            axis.setTextPen(colors.muted)
            axis.setPen(QPen(QColor(colors.hairline)) if name == "bottom" else QPen(Qt.PenStyle.NoPen))
            axis.setTickPen(QPen(QColor(colors.grid)))
        self.getAxis("left").setWidth(self.fontMetrics().horizontalAdvance("100 %") + 10)
        self.getAxis("left").setGrid(255)
        self._cursor.setPen(pg.mkPen(colors.muted, width=1))
        for styled in self._styled:
            self._style_item(*styled)

    def _style_item(
        self, item: pg.PlotDataItem | pg.TextItem, colour: str, width: float, style: Qt.PenStyle, alpha: int
    ) -> None:
        chosen = QColor(getattr(theme.colors(self.palette()), colour))
        if isinstance(item, pg.TextItem):
            item.setColor(chosen)
            if item.property("has_background"):
                background = QColor(theme.colors(self.palette()).window)
                background.setAlpha(_BACKGROUND_ALPHA)
                item.fill = pg.mkBrush(background)
            item.setFont(theme.small_font(self.font()))
            return
        chosen.setAlpha(alpha)
        item.setPen(pg.mkPen(chosen, width=width, style=style))
        item.setSymbolBrush(chosen)
        item.setSymbolPen(None)

    def _on_mouse_moved(self, position: QPointF) -> None:
        box = self.getPlotItem().getViewBox()
        is_inside = box.sceneBoundingRect().contains(position)
        self._cursor.setVisible(is_inside)
        x = box.mapSceneToView(position).x() if is_inside else None
        if x is not None:
            self._cursor.setPos(x)
        self.hovered.emit(x)

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the cursor and the readout."""
        self._cursor.hide()
        self.hovered.emit(None)
        super().leaveEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Restyle when the palette or the font changes."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and "_cursor" in self.__dict__:
            self.restyle()


def _round_step(span: float, max_ticks: float) -> float:
    if span <= 0 or not math.isfinite(span):
        return 1.0
    raw = span / max_ticks
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw - 1e-12)


def _whole_step(span: float, max_ticks: float) -> int:
    return max(1, round(_round_step(span, max_ticks)))
