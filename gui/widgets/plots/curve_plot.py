"""Training and validation curves of one metric over the epochs of a run, with the best epoch marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
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

_MAX_STEPS = 1000
_MAX_EARLIER_POINTS = 200
_MAX_DOTS = 15
_LABEL_GAP = 8


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of an epoch, with its texts."""

    title: str
    help_text: str
    train: Callable[[EpochDone], float]
    val: Callable[[EpochDone], float]
    format_value: Callable[[float], str]
    is_fraction: bool


ACCURACY = Metric(
    "Accuracy",
    "Share of correct predictions on the training images (dashed) and on the validation images (solid).",
    lambda epoch: epoch.train.plain_accuracy,
    lambda epoch: epoch.val.accuracy,
    percent,
    True,
)
LOSS = Metric(
    "Loss",
    "Cross-entropy between predictions and labels on the training and validation images. Lower is better.",
    lambda epoch: epoch.train.loss,
    lambda epoch: epoch.val.loss,
    lambda loss: f"{loss:.2f}",
    False,
)


class CurvePlot(ChartFrame):
    """Plot of the curves of one metric; `draw` updates them."""

    def __init__(self, metric: Metric, parent: QWidget | None = None) -> None:
        self._metric = metric
        self._history = History()
        self._num_epochs = 1
        self._earlier: list[pg.PlotDataItem] = []
        self._build_plot()
        super().__init__(metric.title, metric.help_text, self._plot, self._table_rows, parent)
        self._plot.hovered.connect(self._on_hovered)
        self.draw()

    @property
    def label_texts(self) -> list[str]:
        """Texts of the visible labels: training, validation, best epoch."""
        labels = (self._train_label, self._val_label, self._best_label)
        return [label.toPlainText() for label in labels if label.isVisible()]

    @property
    def num_earlier_runs(self) -> int:
        """Number of earlier runs shown below the curves."""
        return len(self._earlier)

    def show_history(self, history: History, num_epochs: int) -> None:
        """Set the history to draw."""
        self._history, self._num_epochs = history, max(1, num_epochs)

    def show_earlier_runs(self, histories: Sequence[History]) -> None:
        """Show the validation curves of earlier runs faintly below the others."""
        for curve in self._earlier:
            self._plot.remove_curve(curve)
        self._earlier = []
        for history in histories:
            curve = self._plot.add_curve("muted", 1.2, Qt.PenStyle.DotLine, alpha=150)
            curve.setZValue(-1)
            values = [self._metric.val(epoch) for epoch in history.epochs]
            curve.setData(*downsample([epoch.epoch for epoch in history.epochs], values, _MAX_EARLIER_POINTS))
            self._earlier.append(curve)

    def draw(self) -> None:
        """Draw the current history."""
        epochs = self._history.epochs
        positions = [epoch.epoch for epoch in epochs]
        symbol = "o" if len(epochs) <= _MAX_DOTS else None
        self._train.setData(positions, [self._metric.train(epoch) for epoch in epochs], symbol=symbol, symbolSize=4)
        self._val.setData(positions, [self._metric.val(epoch) for epoch in epochs], symbol=symbol, symbolSize=5)
        if not self._metric.is_fraction:
            self._steps.setData(*downsample(self._history.step_positions, self._history.step_losses, _MAX_STEPS))
        self._fit_range()
        self._place_labels()
        self.refresh_table()

    def _build_plot(self) -> None:
        self._plot = Plot(PercentAxis("left") if self._metric.is_fraction else NumberAxis("left"))
        self._steps = self._plot.add_curve("train_line", 1, alpha=70)
        self._train = self._plot.add_curve("train_line", 1.5, Qt.PenStyle.DashLine)
        self._val = self._plot.add_curve("val_line", 3)
        self._best = pg.ScatterPlotItem(size=11)
        self._plot.addItem(self._best)
        # Added before the other labels, so that its background does not hide a part of them
        self._best_label = self._plot.add_label("val_line", (0.5, 1.1), has_background=True)
        self._train_label = self._plot.add_label("train_line", (0, 0.5))
        self._val_label = self._plot.add_label("val_line", (0, 0.5))
        self._hint = self._plot.add_label("muted", (0.5, 0.5), has_background=True)
        self._hint.setText("Curves appear here")

    def _fit_range(self) -> None:
        # The space for the labels at the right end is reserved from the start, so that the axis does not jump.
        metrics = QFontMetrics(theme.small_font(self.font()))
        label = metrics.horizontalAdvance(f"Validation {self._metric.format_value(0.88)}") + 3 * _LABEL_GAP
        width = max(2 * label, int(self._plot.getPlotItem().getViewBox().width()))
        self._plot.getAxis("bottom").last_epoch = self._num_epochs
        highest = 1.04 if self._metric.is_fraction else self._highest() * 1.06
        self._plot.set_ranges(self._num_epochs * width / (width - label), highest)

    def _highest(self) -> float:
        values = [_values(curve) for curve in (self._train, self._val, *self._earlier)]
        _, losses = self._steps.getOriginalDataset()
        if losses is not None and len(losses):
            values.append(np.array([np.percentile(losses, 98)]))
        every = np.concatenate(values)
        finite = every[np.isfinite(every)]
        return float(finite.max()) if len(finite) and finite.max() > 0 else 1.0

    def _place_labels(self) -> None:
        epochs, best = self._history.epochs, self._history.best
        for label in (self._train_label, self._val_label, self._best_label):
            label.setVisible(False)
        self._best.setData([], [])
        (x_min, x_max), (y_min, y_max) = self._plot.getPlotItem().getViewBox().viewRange()
        self._hint.setPos((x_min + x_max) / 2, (y_min + y_max) / 2)
        self._hint.setVisible(not epochs and not self._history.step_losses)
        if not epochs:
            return
        last = epochs[-1]
        format_value = self._metric.format_value
        is_best_last = best is not None and best.epoch == last.epoch
        self._train_label.setText(f"Training {format_value(self._metric.train(last))}")
        self._val_label.setText(f"Validation {format_value(self._metric.val(last))}")
        self._separate_labels(last)
        if best is None:
            return
        value = next(self._metric.val(epoch) for epoch in epochs if epoch.epoch == best.epoch)
        colors = theme.colors(self.palette())
        self._best.setData(
            [best.epoch], [value], brush=pg.mkBrush(colors.val_line), pen=pg.mkPen(colors.window, width=2)
        )
        if not is_best_last:
            self._place_best(best.epoch, value)

    def _separate_labels(self, last: EpochDone) -> None:
        """Place the training and validation labels to the right of the last point, at least one line apart."""
        x_unit, y_unit = self._plot.units_per_pixel()
        line = QFontMetrics(theme.small_font(self.font())).height() * y_unit
        train, val = self._metric.train(last), self._metric.val(last)
        middle, half = (train + val) / 2, max(abs(train - val), line) / 2
        low, high = self._plot.getPlotItem().getViewBox().viewRange()[1]
        middle = min(max(middle, low + half + line / 2), high - half - line / 2)
        sign = 1 if train >= val else -1
        for label, y in ((self._train_label, middle + sign * half), (self._val_label, middle - sign * half)):
            label.setPos(last.epoch + _LABEL_GAP * x_unit, y)
            label.setVisible(True)

    def _place_best(self, epoch: int, value: float) -> None:
        self._best_label.setText(f"best epoch {epoch}: {self._metric.format_value(value)}")
        x_unit, y_unit = self._plot.units_per_pixel()
        line = QFontMetrics(theme.small_font(self.font())).height() * y_unit
        width = self._best_label.boundingRect().width() * x_unit
        _, high = self._plot.getPlotItem().getViewBox().viewRange()[1]
        is_near_top = high - value < 1.7 * line
        # An early best epoch would clip a centred label at the left edge of the plot.
        x_anchor = min(0.5, epoch / width) if width > 0 else 0.5
        self._best_label.setAnchor((x_anchor, -0.25 if is_near_top else 1.25))
        self._best_label.setPos(epoch, value)
        self._best_label.setVisible(True)

    def _on_hovered(self, x: float | None) -> None:
        epochs = self._history.epochs
        if x is None or not epochs:
            self.show_readout("")
            return
        epoch = min(epochs, key=lambda epoch: abs(epoch.epoch - x))
        name, format_value = self._metric.title.lower(), self._metric.format_value
        text = f"Epoch {epoch.epoch}: training {name} {format_value(self._metric.train(epoch))}"
        if self._metric.is_fraction and _uses_mixup(epoch):
            text += f" ({format_value(epoch.train.accuracy)} with MixUp or CutMix)"
        self.show_readout(f"{text}, validation {name} {format_value(self._metric.val(epoch))}")

    def _table_rows(self) -> ChartTable:
        name = self._metric.title.lower()
        columns = ["Epoch", f"Training {name}", f"Validation {name}"]
        has_mixup = self._metric.is_fraction and any(map(_uses_mixup, self._history.epochs))
        if has_mixup:
            columns.insert(2, "Training accuracy with MixUp or CutMix")
        rows = []
        for epoch in self._history.epochs:
            cells = [f"{self._metric.train(epoch):.4f}", f"{self._metric.val(epoch):.4f}"]
            if has_mixup:
                cells.insert(1, f"{epoch.train.accuracy:.4f}")
            rows.append((f"{epoch.epoch}{' (best)' if self._is_best(epoch) else ''}", *cells))
        return ChartTable(tuple(columns), tuple(rows))

    def _is_best(self, epoch: EpochDone) -> bool:
        best = self._history.best
        return best is not None and best.epoch == epoch.epoch

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the labels for the new size."""
        super().resizeEvent(event)
        self._fit_range()
        self._place_labels()


def downsample(positions: Sequence[float], values: Sequence[float], max_points: int) -> tuple[list[float], list[float]]:
    """Return the means of groups of neighbouring points, at most `max_points`, so that long runs are fast to draw."""
    group_size = -(-len(values) // max_points) if values else 1
    if group_size == 1:
        return list(positions), list(values)
    num_groups = len(values) // group_size
    groups = (
        np.asarray(column[: num_groups * group_size]).reshape(num_groups, group_size).mean(axis=1)
        for column in (positions, values)
    )
    first, second = groups
    return first.tolist(), second.tolist()


def _uses_mixup(epoch: EpochDone) -> bool:
    return abs(epoch.train.accuracy - epoch.train.plain_accuracy) > 1e-9


def _values(curve: pg.PlotDataItem) -> npt.NDArray[np.float64]:
    _, values = curve.getOriginalDataset()
    return np.zeros(0) if values is None else np.asarray(values, np.float64)
