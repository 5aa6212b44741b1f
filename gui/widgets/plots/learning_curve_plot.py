"""Learning curve: accuracy over the number of training images, with its extrapolation."""

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
    """Plot of measured accuracies (dots) and their extrapolation (dashed), with 95 % intervals as bands."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._curve: LearningCurve | None = None
        self._plot = Plot(PercentAxis("left"), x_axis=CountAxis("bottom"))
        self._edges = [self._plot.add_curve("val_line", 0, Qt.PenStyle.NoPen) for _ in range(4)]
        self._bands = [pg.FillBetweenItem(*self._edges[index : index + 2]) for index in (0, 2)]
        for band in self._bands:
            self._plot.addItem(band)
        self._measured_line = self._plot.add_curve("val_line", 2)
        self._measured_line.setSymbol("o")
        self._measured_line.setSymbolSize(7)
        self._extrapolated_line = self._plot.add_curve("val_line", 2, Qt.PenStyle.DashLine)
        self._label = self._plot.add_label("text", (1, 1))
        help_text = (
            "Validation accuracy of a quick classifier on this model's features, trained on an eighth, a quarter, half "
            "and all of the images. Dashed: extrapolation by a fitted inverse power law. Bands: 95 % intervals over "
            "random subsets of the images."
        )
        super().__init__("Learning curve", help_text, self._plot, self._table_rows, parent)
        self._plot.hovered.connect(self._on_hovered)
        self._restyle_bands()

    def show_learning_curve(self, curve: LearningCurve | None) -> None:
        """Draw a learning curve, or nothing."""
        self._curve = curve
        points = curve.points if curve else ()
        forecast = curve.forecast if curve else ()
        for edge, edge_points, name in zip(self._edges, (points, points, forecast, forecast), ("low", "high") * 2):
            edge.setData([p.num_images for p in edge_points], [getattr(p, name) for p in edge_points])
        for line, line_points in ((self._measured_line, points), (self._extrapolated_line, forecast)):
            line.setData([p.num_images for p in line_points], [p.accuracy for p in line_points])
        self._label.setVisible(bool(forecast))
        if forecast:
            last = forecast[-1]
            self._label.setText(f"{percent(last.accuracy)} expected")
            self._label.setPos(last.num_images, last.high)
            self._plot.set_ranges(last.num_images * 1.02, 1.04)
        self.refresh_table()

    def _table_rows(self) -> ChartTable:
        if self._curve is None:
            return ChartTable()
        measured = [_row(point, "measured") for point in self._curve.points]
        extrapolated = [_row(point, "extrapolated") for point in self._curve.forecast[1:]]
        return ChartTable(("Training images", "Accuracy", "95 % CI", "Type"), (*measured, *extrapolated))

    def _on_hovered(self, x: float | None) -> None:
        if self._curve is None or x is None:
            self.show_readout("")
            return
        points = (*self._curve.points, *self._curve.forecast[1:])
        nearest = min(points, key=lambda point: abs(point.num_images - x))
        self.show_readout(
            f"{nearest.num_images:,} training images: {percent(nearest.accuracy)} ({_interval_text(nearest)}) accuracy"
        )

    def _restyle_bands(self) -> None:
        colour = QColor(theme.colors(self.palette()).val_line)
        colour.setAlpha(_BAND_ALPHA)
        for band in self._bands:
            band.setBrush(colour)

    def changeEvent(self, event: QEvent) -> None:
        """Restyle the bands when the palette changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_label"):
            self._restyle_bands()


def _interval_text(point: LearningCurvePoint) -> str:
    return f"{100 * point.low:.0f} to {100 * point.high:.0f}"


def _row(point: LearningCurvePoint, kind: str) -> tuple[str, ...]:
    return f"{point.num_images:,}", percent(point.accuracy), _interval_text(point), kind
