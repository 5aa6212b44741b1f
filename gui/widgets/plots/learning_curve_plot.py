"""Accuracy against the number of images, with where that leads as a band."""

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from engine.core.formatting import percent
from engine.results.learning_curve import LearningCurve, LearningCurvePoint
from gui import theme
from gui.widgets.plots.chart_frame import ChartFrame, ChartTable
from gui.widgets.plots.plot import CountAxis, PercentAxis, Plot

_BAND_ALPHA = 56


class LearningCurvePlot(ChartFrame):
    """What was measured is a line with dots, what is expected a dashed line; each has its 95 % range as a band."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._growth: LearningCurve | None = None
        self._plot = Plot(PercentAxis("left"), x_axis=CountAxis("bottom"))
        self._edges = [self._plot.add_curve("val_line", 0, Qt.PenStyle.NoPen) for _ in range(4)]
        self._bands = [pg.FillBetweenItem(*self._edges[place : place + 2]) for place in (0, 2)]
        for band in self._bands:
            self._plot.addItem(band)
        self._measured = self._plot.add_curve("val_line", 2)
        self._measured.setSymbol("o")
        self._measured.setSymbolSize(7)
        self._expected = self._plot.add_curve("val_line", 2, Qt.PenStyle.DashLine)
        self._label = self._plot.add_label("text", (1, 1))
        help_text = (
            "How often a quick model on what the network sees is right on images it has not seen, having learnt from "
            "an eighth, a quarter, half and all of the images (learning curve). Dashed: an inverse power law fitted to "
            "that. The bands hold 95 % of draws of the images."
        )
        super().__init__("Accuracy with more images", help_text, self._plot, self._table_rows, parent)
        self._plot.hovered.connect(self._on_pointed_at)
        self._fill()

    def show_learning_curve(self, growth: LearningCurve | None) -> None:
        """Draw a learning curve, or nothing."""
        self._growth = growth
        points = growth.points if growth else ()
        forecast = growth.forecast if growth else ()
        for edge, chosen, name in zip(self._edges, (points, points, forecast, forecast), ("low", "high") * 2):
            edge.setData([p.num_images for p in chosen], [getattr(p, name) for p in chosen])
        for curve, chosen in ((self._measured, points), (self._expected, forecast)):
            curve.setData([p.num_images for p in chosen], [p.accuracy for p in chosen])
        self._label.setVisible(bool(forecast))
        if forecast:
            last = forecast[-1]
            self._label.setText(f"{percent(last.accuracy)} expected")
            self._label.setPos(last.num_images, last.high)
            self._plot.set_ranges(last.num_images * 1.02, 1.04)
        self.refresh_table()

    def _table_rows(self) -> ChartTable:
        if self._growth is None:
            return ChartTable()
        measured = [_row(point, "measured") for point in self._growth.points]
        expected = [_row(point, "expected") for point in self._growth.forecast[1:]]
        return ChartTable(("Images to learn from", "Accuracy", "95 % range", ""), (*measured, *expected))

    def _on_pointed_at(self, place: float | None) -> None:
        if self._growth is None or place is None:
            self.show_readout("")
            return
        points = (*self._growth.points, *self._growth.forecast[1:])
        nearest = min(points, key=lambda point: abs(point.num_images - place))
        share, reach = percent(nearest.accuracy), _reach(nearest)
        self.show_readout(f"{share} ({reach}) from {nearest.num_images:,} images")

    def _fill(self) -> None:
        colour = QColor(theme.colors(self.palette()).val_line)
        colour.setAlpha(_BAND_ALPHA)
        for band in self._bands:
            band.setBrush(colour)

    def changeEvent(self, event: QEvent) -> None:
        """Follow light and dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_label"):
            self._fill()


def _reach(point: LearningCurvePoint) -> str:
    return f"{100 * point.low:.0f} to {100 * point.high:.0f}"


def _row(point: LearningCurvePoint, how: str) -> tuple[str, ...]:
    return f"{point.num_images:,}", percent(point.accuracy), _reach(point), how
