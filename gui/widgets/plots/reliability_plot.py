"""Whether confidences come true: how often answers of each confidence are right."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QWidget

from engine.core.formatting import percent
from engine.results.calibration import ReliabilityBin, reliability_bins
from engine.results.evaluation import Evaluation
from engine.results.statistics import wilson_interval
from gui import theme
from gui.formatting import percent_with_interval
from gui.widgets.plots.chart_frame import ChartFrame, ChartTable
from gui.widgets.plots.plot import PercentAxis, Plot, ShareAxis

_NUM_BINS = 10
_HELP = (
    "Each dot holds the answers of about the same confidence: across, how sure the model was; up, how often it was "
    "right, with its 95 % range. On the dashed line the two agree (reliability diagram)."
)


class ReliabilityPlot(ChartFrame):
    """A dot for each range of confidence, with its 95 % range, and the line on which confidences come true."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._bins: list[ReliabilityBin] = []
        self._plot = Plot(PercentAxis("left"), x_axis=ShareAxis("bottom", "sure"))
        self._ideal = self._plot.add_curve("muted", 1, Qt.PenStyle.DashLine)
        self._ideal.setData([0, 1], [0, 1])
        self._ranges = pg.ErrorBarItem(x=np.zeros(0), y=np.zeros(0), top=np.zeros(0), bottom=np.zeros(0), beam=0.012)
        self._plot.addItem(self._ranges)
        self._dots = self._plot.add_curve("val_line", 2)
        self._dots.setSymbol("o")
        self._dots.setSymbolSize(7)
        super().__init__("Right as often as sure?", _HELP, self._plot, self._table_rows, parent)
        self._plot.set_ranges(1.02, 1.02)
        self._plot.hovered.connect(self._on_pointed_at)
        self._colour()

    def show_evaluation(self, evaluation: Evaluation | None) -> None:
        """Draw the bins of an evaluation, or nothing."""
        self._bins = reliability_bins(evaluation.confidences, evaluation.is_right, _NUM_BINS) if evaluation else []
        across = np.array([each.confidence for each in self._bins])
        up = np.array([each.accuracy for each in self._bins])
        reach = np.array([wilson_interval(each.num_correct, each.num_images) for each in self._bins]).reshape(-1, 2)
        self._dots.setData(across, up)
        self._ranges.setData(x=across, y=up, top=reach[:, 1] - up, bottom=up - reach[:, 0])
        self.refresh_table()

    def _table_rows(self) -> ChartTable:
        rows = (
            (percent(each.confidence), percent_with_interval(each.accuracy, each.num_images), f"{each.num_images:,}")
            for each in self._bins
        )
        return ChartTable(("Sure", "Right (95 % range)", "Images"), tuple(rows))

    def _on_pointed_at(self, place: float | None) -> None:
        if place is None or not self._bins:
            self.show_readout("")
            return
        near = min(self._bins, key=lambda each: abs(each.confidence - place))
        self.show_readout(
            f"{percent(near.confidence)} sure: right {percent_with_interval(near.accuracy, near.num_images)} "
            f"of {near.num_images:,}"
        )

    def _colour(self) -> None:
        self._ranges.setData(pen=pg.mkPen(theme.colors(self.palette()).val_line, width=1))

    def changeEvent(self, event: QEvent) -> None:
        """Follow light and dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_ranges"):
            self._colour()
