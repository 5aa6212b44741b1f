"""Plot of the learning-rate schedule with the current position of the run."""

import pyqtgraph as pg
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from engine.config.schedule import planned_multipliers
from engine.config.settings import RunConfig
from engine.core.formatting import plain_number
from gui import theme
from gui.widgets.plots.chart_frame import ChartFrame, ChartTable
from gui.widgets.plots.plot import NumberAxis, Plot

_MAX_POINTS = 2000


class SchedulePlot(ChartFrame):
    """Plot of the learning rate of the classification head over the epochs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._rates: list[float] = []
        self._points_per_epoch = 20
        self._axis = _RateAxis("left")
        self._plot = Plot(self._axis)
        self._area = self._plot.add_curve("muted", 1.5, alpha=170)
        self._area.setFillLevel(0)
        self._marker = pg.InfiniteLine(angle=90, movable=False)
        self._marker.hide()
        self._plot.addItem(self._marker, ignoreBounds=True)
        help_text = "Learning rate over the run: linear warm-up, then cosine decay."
        super().__init__("Learning-rate schedule", help_text, self._plot, self._table_rows, parent)
        self._plot.hovered.connect(self._on_hovered)
        self._restyle_area()

    def show_plan(self, config: RunConfig) -> None:
        """Draw the schedule of these settings."""
        epochs = config.training.epochs
        self._points_per_epoch = max(1, min(20, _MAX_POINTS // epochs))
        multipliers = planned_multipliers(epochs, config.schedule.warmup_epochs, self._points_per_epoch)
        self._rates = [config.optim.lr * factor for factor in multipliers]
        positions = [(step + 0.5) / self._points_per_epoch for step in range(len(self._rates))]
        self._area.setData([0.0, *positions, float(epochs)], [self._rates[0], *self._rates, self._rates[-1]])
        self._axis.highest = config.optim.lr
        self._plot.set_ranges(epochs, config.optim.lr * 1.08)
        self.refresh_table()

    def show_position(self, epochs: float | None) -> None:
        """Move the position line, or hide it."""
        self._marker.setVisible(epochs is not None)
        if epochs is not None:
            self._marker.setPos(epochs)

    @property
    def position(self) -> float | None:
        """Position of the line in epochs, or None if it is hidden."""
        return float(self._marker.value()) if self._marker.isVisible() else None

    def rate_at(self, epochs: float) -> float:
        """Return the learning rate after a number of epochs."""
        step = min(len(self._rates) - 1, max(0, int(epochs * self._points_per_epoch)))
        return self._rates[step]

    def _table_rows(self) -> ChartTable:
        num_epochs = len(self._rates) // self._points_per_epoch
        rows = tuple((str(epoch), f"{self.rate_at(epoch - 0.001):.3g}") for epoch in range(1, num_epochs + 1))
        return ChartTable(("Epoch", "Learning rate (end of epoch)"), rows)

    def _on_hovered(self, x: float | None) -> None:
        if x is None or not self._rates:
            self.show_readout("")
        else:
            self.show_readout(f"After {x:.1f} epochs: learning rate {self.rate_at(x):.2g}")

    def _restyle_area(self) -> None:
        colors = theme.colors(self.palette())
        faint = QColor(colors.muted)
        faint.setAlpha(48)
        self._area.setBrush(faint)
        self._marker.setPen(pg.mkPen(colors.text, width=1.5))

    def changeEvent(self, event: QEvent) -> None:
        """Restyle the area when the palette changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_marker"):
            self._restyle_area()


class _RateAxis(NumberAxis):
    highest = 1.0

    def tickValues(self, _low: float, _high: float, _size: float) -> list[tuple[float, list[float]]]:
        return [(self.highest, [0.0, self.highest])]

    def tickStrings(self, values: list[float], _scale: float, _spacing: float) -> list[str]:  # type: ignore[override]
        return [plain_number(round(value, 9)) for value in values]
