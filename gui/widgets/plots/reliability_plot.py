"""Reliability diagram: accuracy over confidence."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QWidget

from engine.core.formatting import count, percent
from engine.results.calibration import ReliabilityBin
from engine.results.statistics import wilson_interval
from gui import theme
from gui.formatting import percent_with_interval
from gui.widgets.plots.chart_frame import ChartFrame, ChartTable
from gui.widgets.plots.plot import PercentAxis, Plot, ShareAxis

_HELP = (
    "Each dot is a group of images with similar confidence. x: mean confidence. y: accuracy with its 95 % confidence "
    "interval. On the dashed line they are equal: the model is perfectly calibrated."
)


class ReliabilityPlot(ChartFrame):
    """Plot of the accuracy of each confidence bin with its 95 % interval, and the line of perfect calibration."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._bins: Sequence[ReliabilityBin] = ()
        self._plot = Plot(PercentAxis("left"), x_axis=ShareAxis("bottom", "confidence"))
        self._ideal = self._plot.add_curve("muted", 1, Qt.PenStyle.DashLine)
        self._ideal.setData([0, 1], [0, 1])
        self._intervals = pg.ErrorBarItem(x=np.zeros(0), y=np.zeros(0), top=np.zeros(0), bottom=np.zeros(0), beam=0.012)
        self._plot.addItem(self._intervals)
        self._dots = self._plot.add_curve("val_line", 2)
        self._dots.setSymbol("o")
        self._dots.setSymbolSize(7)
        super().__init__("Reliability diagram", _HELP, self._plot, self._table_rows, parent)
        self._plot.set_ranges(1.02, 1.02)
        self._plot.hovered.connect(self._on_hovered)
        self._restyle_intervals()

    def show_bins(self, bins: Sequence[ReliabilityBin]) -> None:
        """Draw the confidence bins of an evaluation."""
        self._bins = bins
        confidences = np.array([each.confidence for each in self._bins])
        accuracies = np.array([each.accuracy for each in self._bins])
        intervals = np.array([wilson_interval(each.num_correct, each.num_images) for each in self._bins]).reshape(-1, 2)
        self._dots.setData(confidences, accuracies)
        self._intervals.setData(
            x=confidences, y=accuracies, top=intervals[:, 1] - accuracies, bottom=accuracies - intervals[:, 0]
        )
        self.refresh_table()

    def _table_rows(self) -> ChartTable:
        rows = (
            (percent(each.confidence), percent_with_interval(each.accuracy, each.num_images), f"{each.num_images:,}")
            for each in self._bins
        )
        return ChartTable(("Confidence", "Accuracy (95 % CI)", "Images"), tuple(rows))

    def _on_hovered(self, x: float | None) -> None:
        if x is None or not self._bins:
            self.show_readout("")
            return
        nearest = min(self._bins, key=lambda each: abs(each.confidence - x))
        self.show_readout(
            f"Confidence {percent(nearest.confidence)}: accuracy "
            f"{percent_with_interval(nearest.accuracy, nearest.num_images)} on {count(nearest.num_images, 'image')}"
        )

    def _restyle_intervals(self) -> None:
        self._intervals.setData(pen=pg.mkPen(theme.colors(self.palette()).val_line, width=1))

    def changeEvent(self, event: QEvent) -> None:
        """Restyle the intervals when the palette changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_intervals"):
            self._restyle_intervals()
