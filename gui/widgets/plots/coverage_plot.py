"""What is gained by leaving doubtful images to a person."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from engine.core.formatting import percent
from engine.results.calibration import Calibration, CoveragePoint, OperatingPoint
from gui.widgets.plots.chart_frame import ChartFrame, ChartTable
from gui.widgets.plots.plot import PercentAxis, Plot, ShareAxis

_HELP = (
    "Across, the share of validation images that is answered when only the surest are; up, how many of those answers "
    "are right (accuracy against coverage). The dot is what the error budget asks for."
)


class CoveragePlot(ChartFrame):
    """Accuracy among the answered against the share that is answered, with the chosen place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._points: tuple[CoveragePoint, ...] = ()
        self._plot = Plot(PercentAxis("left"), x_axis=ShareAxis("bottom", "answered"))
        self._curve = self._plot.add_curve("val_line", 2)
        self._chosen = self._plot.add_curve("accent", 1, Qt.PenStyle.DashLine)
        self._dot = self._plot.add_curve("accent", 0, Qt.PenStyle.NoPen)
        self._dot.setSymbol("o")
        self._dot.setSymbolSize(9)
        super().__init__("Right among the answered", _HELP, self._plot, self._table_rows, parent)
        self._plot.set_ranges(1.02, 1.02)
        self._plot.hovered.connect(self._on_pointed_at)

    def show_calibration(self, calibration: Calibration | None, budget: OperatingPoint | None) -> None:
        """Draw the curve of a model and the place an error budget chooses."""
        self._points = calibration.coverage if calibration else ()
        self._curve.setData([self._share(point) for point in self._points], [_right(point) for point in self._points])
        if budget is None or not budget.num_answered:
            self._chosen.setData([], [])
            self._dot.setData([], [])
        else:
            share = budget.num_answered / budget.num_images
            right = 1 - budget.num_wrong / budget.num_answered
            self._chosen.setData([share, share], [right, 0])
            self._dot.setData([share], [right])
        self.refresh_table()

    def _share(self, point: CoveragePoint) -> float:
        return point.num_answered / self._points[-1].num_answered

    def _table_rows(self) -> ChartTable:
        rows = (
            (percent(self._share(p)), percent(_right(p)), f"{p.num_wrong:,}", percent(p.threshold))
            for p in self._points
        )
        return ChartTable(("Answered", "Right", "Wrong images", "Least sure"), tuple(rows))

    def _on_pointed_at(self, place: float | None) -> None:
        if place is None or not self._points:
            self.show_readout("")
            return
        near = min(self._points, key=lambda point: abs(self._share(point) - place))
        self.show_readout(f"{percent(self._share(near))} answered: {percent(_right(near))} right")


def _right(point: CoveragePoint) -> float:
    return 1 - point.num_wrong / point.num_answered
