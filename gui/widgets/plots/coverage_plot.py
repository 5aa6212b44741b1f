"""Accuracy-coverage curve of a model."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from engine.core.formatting import percent
from engine.results.calibration import Calibration, CoveragePoint, OperatingPoint
from gui.widgets.plots.chart_frame import ChartFrame, ChartTable
from gui.widgets.plots.plot import PercentAxis, Plot, ShareAxis

_HELP = (
    "x: coverage, the share of validation images whose confidence is above a threshold. y: accuracy on these images. "
    "The dot is the operating point for the maximum error rate."
)


class CoveragePlot(ChartFrame):
    """Plot of the accuracy over the coverage, with the operating point."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._points: tuple[CoveragePoint, ...] = ()
        self._plot = Plot(PercentAxis("left"), x_axis=ShareAxis("bottom", "coverage"))
        self._curve = self._plot.add_curve("val_line", 2)
        self._chosen = self._plot.add_curve("accent", 1, Qt.PenStyle.DashLine)
        self._dot = self._plot.add_curve("accent", 0, Qt.PenStyle.NoPen)
        self._dot.setSymbol("o")
        self._dot.setSymbolSize(9)
        super().__init__("Accuracy vs. coverage", _HELP, self._plot, self._table_rows, parent)
        self._plot.set_ranges(1.02, 1.02)
        self._plot.hovered.connect(self._on_hovered)

    def show_calibration(self, calibration: Calibration | None, point: OperatingPoint | None) -> None:
        """Draw the curve of a model and its operating point, or nothing."""
        self._points = calibration.coverage if calibration else ()
        self._curve.setData([self._coverage(p) for p in self._points], [_accuracy(p) for p in self._points])
        if point is None or not point.num_answered:
            self._chosen.setData([], [])
            self._dot.setData([], [])
        else:
            coverage = point.num_answered / point.num_images
            accuracy = 1 - point.num_wrong / point.num_answered
            self._chosen.setData([coverage, coverage], [accuracy, 0])
            self._dot.setData([coverage], [accuracy])
        self.refresh_table()

    def _coverage(self, point: CoveragePoint) -> float:
        return point.num_answered / self._points[-1].num_answered

    def _table_rows(self) -> ChartTable:
        rows = (
            (percent(self._coverage(p)), percent(_accuracy(p)), f"{p.num_wrong:,}", percent(p.threshold))
            for p in self._points
        )
        return ChartTable(("Coverage", "Accuracy", "Errors", "Confidence threshold"), tuple(rows))

    def _on_hovered(self, x: float | None) -> None:
        if x is None or not self._points:
            self.show_readout("")
            return
        nearest = min(self._points, key=lambda point: abs(self._coverage(point) - x))
        self.show_readout(f"{percent(self._coverage(nearest))} coverage: {percent(_accuracy(nearest))} accuracy")


def _accuracy(point: CoveragePoint) -> float:
    return 1 - point.num_wrong / point.num_answered
