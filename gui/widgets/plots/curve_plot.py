"""One measure of a run over its epochs: training thin, validation strong, the best epoch a dot with its figure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QWidget

from engine.core.events import EpochDone
from engine.core.formatting import percent
from engine.runs.history import History
from gui import theme
from gui.widgets.plots.chart_frame import ChartFrame, ChartTable
from gui.widgets.plots.plot import NumberAxis, PercentAxis, Plot

_MOST_STEPS = 1000
_MOST_DOTS = 15
_LABEL_GAP = 8


@dataclass(frozen=True, slots=True)
class Metric:
    """What a plot shows and how it is worded."""

    title: str
    help_text: str
    train: Callable[[EpochDone], float]
    val: Callable[[EpochDone], float]
    words: Callable[[float], str]
    is_share: bool


ACCURACY = Metric(
    "Accuracy",
    "Share of images named right: of those it learns from (training) and of those it has not seen (validation).",
    lambda epoch: epoch.train.plain_accuracy,
    lambda epoch: epoch.val.accuracy,
    percent,
    True,
)
LOSS = Metric(
    "Loss",
    "How far the answers are from the truth, sureness included (cross-entropy). Lower is better.",
    lambda epoch: epoch.train.loss,
    lambda epoch: epoch.val.loss,
    lambda loss: f"{loss:.2f}",
    False,
)


class CurvePlot(ChartFrame):
    """The curves of one measure. They are drawn when `draw` is called, not before."""

    def __init__(self, measure: Metric, parent: QWidget | None = None) -> None:
        self._measure = measure
        self._history = History()
        self._num_epochs = 1
        self._earlier: list[pg.PlotDataItem] = []
        self._build_plot()
        super().__init__(measure.title, measure.help_text, self._plot, self._table_rows, parent)
        self._plot.hovered.connect(self._on_pointed_at)
        self.draw()

    @property
    def label_texts(self) -> list[str]:
        """What is written beside the curves: training, validation, best."""
        labels = (self._train_label, self._val_label, self._best_label)
        return [label.toPlainText() for label in labels if label.isVisible()]

    @property
    def num_earlier_runs(self) -> int:
        """How many earlier runs are laid under the curves."""
        return len(self._earlier)

    def show_history(self, history: History, num_epochs: int) -> None:
        """Take another history, or the same one grown."""
        self._history, self._num_epochs = history, max(1, num_epochs)

    def show_earlier_runs(self, histories: Sequence[History]) -> None:
        """Lay the validation curves of earlier runs faintly under the others."""
        for curve in self._earlier:
            self._plot.remove_curve(curve)
        self._earlier = []
        for history in histories:
            curve = self._plot.add_curve("muted", 1.2, Qt.PenStyle.DotLine, alpha=150)
            curve.setZValue(-1)
            curve.setData([epoch.epoch for epoch in history.epochs], [self._measure.val(e) for e in history.epochs])
            self._earlier.append(curve)

    def draw(self) -> None:
        """Draw what is known by now."""
        epochs = self._history.epochs
        places = [epoch.epoch for epoch in epochs]
        symbol = "o" if len(epochs) <= _MOST_DOTS else None
        self._train.setData(places, [self._measure.train(epoch) for epoch in epochs], symbol=symbol, symbolSize=4)
        self._val.setData(places, [self._measure.val(epoch) for epoch in epochs], symbol=symbol, symbolSize=5)
        if not self._measure.is_share:
            self._steps.setData(*thinned(self._history.step_positions, self._history.step_losses, _MOST_STEPS))
        self._fit_range()
        self._place_labels()
        self.refresh_table()

    def _build_plot(self) -> None:
        self._plot = Plot(PercentAxis("left") if self._measure.is_share else NumberAxis("left"))
        self._steps = self._plot.add_curve("train_line", 1, alpha=70)
        self._train = self._plot.add_curve("train_line", 1.5, Qt.PenStyle.DashLine)
        self._val = self._plot.add_curve("val_line", 3)
        self._best = pg.ScatterPlotItem(size=11)
        self._plot.addItem(self._best)
        self._train_label = self._plot.add_label("train_line", (0, 0.5))
        self._val_label = self._plot.add_label("val_line", (0, 0.5))
        self._best_label = self._plot.add_label("val_line", (0.5, 1.1))
        self._hint = self._plot.add_label("muted", (0.5, 0.5))
        self._hint.setText("Drawn while it trains")

    def _fit_range(self) -> None:
        # Room for the labels at the right end is kept from the start, so that the axis never jumps
        metrics = QFontMetrics(theme.small_font(self.font()))
        label = metrics.horizontalAdvance(f"validation {self._measure.words(0.88)}") + 3 * _LABEL_GAP
        width = max(2 * label, int(self._plot.getPlotItem().getViewBox().width()))
        self._plot.getAxis("bottom").last_epoch = self._num_epochs
        highest = 1.04 if self._measure.is_share else self._highest() * 1.06
        self._plot.set_ranges(self._num_epochs * width / (width - label), highest)

    def _highest(self) -> float:
        values = [value for curve in (self._train, self._val, *self._earlier) for value in _values(curve)]
        if self._history.step_losses:
            values.append(float(np.percentile(self._history.step_losses, 98)))
        return max((value for value in values if np.isfinite(value)), default=1.0) or 1.0

    def _place_labels(self) -> None:
        epochs, best = self._history.epochs, self._history.best
        for label in (self._train_label, self._val_label, self._best_label):
            label.setVisible(False)
        self._best.setData([], [])
        ranges = self._plot.getPlotItem().getViewBox().viewRange()
        self._hint.setPos(self._num_epochs / 2, ranges[1][1] * 0.6)  # between two lines of the grid
        self._hint.setVisible(not epochs and not self._history.step_losses)
        if not epochs:
            return
        last = epochs[-1]
        words = self._measure.words
        is_best_last = best is not None and best.epoch == last.epoch
        self._train_label.setText(f"training {words(self._measure.train(last))}")
        self._val_label.setText(f"validation {words(self._measure.val(last))}")
        self._set_apart(last)
        if best is None:
            return
        value = next(self._measure.val(epoch) for epoch in epochs if epoch.epoch == best.epoch)
        colors = theme.colors(self.palette())
        self._best.setData(
            [best.epoch], [value], brush=pg.mkBrush(colors.val_line), pen=pg.mkPen(colors.window, width=2)
        )
        if not is_best_last:
            self._place_best(best.epoch, value)

    def _set_apart(self, last: EpochDone) -> None:
        """Put the two labels behind the last point, a line's height apart."""
        across, up = self._plot.units_per_pixel()
        line = QFontMetrics(theme.small_font(self.font())).height() * up
        train, val = self._measure.train(last), self._measure.val(last)
        middle, half = (train + val) / 2, max(abs(train - val), line) / 2
        low, high = self._plot.getPlotItem().getViewBox().viewRange()[1]
        middle = min(max(middle, low + half + line / 2), high - half - line / 2)
        sign = 1 if train >= val else -1
        for label, place in ((self._train_label, middle + sign * half), (self._val_label, middle - sign * half)):
            label.setPos(last.epoch + _LABEL_GAP * across, place)
            label.setVisible(True)

    def _place_best(self, epoch: int, value: float) -> None:
        self._best_label.setText(f"best {self._measure.words(value)}")
        line = QFontMetrics(theme.small_font(self.font())).height() * self._plot.units_per_pixel()[1]
        _, high = self._plot.getPlotItem().getViewBox().viewRange()[1]
        is_near_top = high - value < 1.7 * line
        self._best_label.setAnchor((0.5, -0.25 if is_near_top else 1.25))
        self._best_label.setPos(epoch, value)
        self._best_label.setVisible(True)

    def _on_pointed_at(self, place: float | None) -> None:
        epochs = self._history.epochs
        if place is None or not epochs:
            self.show_readout("")
            return
        epoch = min(epochs, key=lambda epoch: abs(epoch.epoch - place))
        words = self._measure.words
        text = f"epoch {epoch.epoch}: training {words(self._measure.train(epoch))}"
        if self._measure.is_share and _is_mixed(epoch):
            text += f" ({words(epoch.train.accuracy)} mixed)"
        self.show_readout(f"{text}, validation {words(self._measure.val(epoch))}")

    def _table_rows(self) -> ChartTable:
        columns = ["Epoch", "Training", "Validation"]
        with_mixed = self._measure.is_share and any(map(_is_mixed, self._history.epochs))
        if with_mixed:
            columns.insert(2, "Training, mixed (weighted)")
        rows = []
        for epoch in self._history.epochs:
            cells = [f"{self._measure.train(epoch):.4f}", f"{self._measure.val(epoch):.4f}"]
            if with_mixed:
                cells.insert(1, f"{epoch.train.accuracy:.4f}")
            rows.append((f"{epoch.epoch}{' (best)' if self._is_best(epoch) else ''}", *cells))
        return ChartTable(tuple(columns), tuple(rows))

    def _is_best(self, epoch: EpochDone) -> bool:
        best = self._history.best
        return best is not None and best.epoch == epoch.epoch

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the labels into the new room."""
        super().resizeEvent(event)
        self._fit_range()
        self._place_labels()


def thinned(places: Sequence[float], values: Sequence[float], most: int) -> tuple[list[float], list[float]]:
    """Return means of neighbours, so that a long run is as quick to draw as a short one."""
    each = -(-len(values) // most) if values else 1
    if each == 1:
        return list(places), list(values)
    num_groups = len(values) // each
    groups = (
        np.asarray(column[: num_groups * each]).reshape(num_groups, each).mean(axis=1) for column in (places, values)
    )
    first, second = groups
    return first.tolist(), second.tolist()


def _is_mixed(epoch: EpochDone) -> bool:
    return abs(epoch.train.accuracy - epoch.train.plain_accuracy) > 1e-9


def _values(curve: pg.PlotDataItem) -> list[float]:
    _, values = curve.getOriginalDataset()
    return [] if values is None else [float(value) for value in values]
