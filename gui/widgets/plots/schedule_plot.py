"""The planned learning rate as a faint area, with a line where the run stands."""

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

_MOST_POINTS = 2000


class SchedulePlot(ChartFrame):
    """Learning rate of the head over the epochs, known before the run starts."""

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
        help_text = (
            "How fast the network learns over the run: up in the warm-up, then down along a cosine (learning rate)."
        )
        super().__init__("Planned learning rate", help_text, self._plot, self._table_rows, parent)
        self._plot.hovered.connect(self._on_pointed_at)
        self._fill()

    def show_plan(self, config: RunConfig) -> None:
        """Draw what these settings plan."""
        epochs = config.training.epochs
        self._points_per_epoch = max(1, min(20, _MOST_POINTS // epochs))
        multipliers = planned_multipliers(epochs, config.schedule.warmup_epochs, self._points_per_epoch)
        self._rates = [config.optim.lr * factor for factor in multipliers]
        places = [(step + 0.5) / self._points_per_epoch for step in range(len(self._rates))]
        self._area.setData([0.0, *places, float(epochs)], [self._rates[0], *self._rates, self._rates[-1]])
        self._axis.highest = config.optim.lr
        self._plot.set_ranges(epochs, config.optim.lr * 1.08)
        self.refresh_table()

    def show_position(self, epochs: float | None) -> None:
        """Put the line where the run stands, or take it away."""
        self._marker.setVisible(epochs is not None)
        if epochs is not None:
            self._marker.setPos(epochs)

    @property
    def position(self) -> float | None:
        """Where the line stands, in epochs, or None."""
        return float(self._marker.value()) if self._marker.isVisible() else None

    def rate_at(self, epochs: float) -> float:
        """Return the planned learning rate after so many epochs."""
        step = min(len(self._rates) - 1, max(0, int(epochs * self._points_per_epoch)))
        return self._rates[step]

    def _table_rows(self) -> ChartTable:
        num_epochs = len(self._rates) // self._points_per_epoch
        rows = tuple((str(epoch), f"{self.rate_at(epoch - 0.001):.3g}") for epoch in range(1, num_epochs + 1))
        return ChartTable(("Epoch", "Learning rate at its end"), rows)

    def _on_pointed_at(self, place: float | None) -> None:
        is_told = place is not None and self._rates
        self.show_readout(
            f"{self.rate_at(place):.2g} after {place:.1f} epochs" if is_told and place is not None else ""
        )

    def _fill(self) -> None:
        colors = theme.colors(self.palette())
        faint = QColor(colors.muted)
        faint.setAlpha(48)
        self._area.setBrush(faint)
        self._marker.setPen(pg.mkPen(colors.text, width=1.5))

    def changeEvent(self, event: QEvent) -> None:
        """Follow light and dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_marker"):
            self._fill()


class _RateAxis(NumberAxis):
    highest = 1.0

    def tickValues(self, _low: float, _high: float, _size: float) -> list[tuple[float, list[float]]]:
        return [(self.highest, [0.0, self.highest])]

    def tickStrings(self, values: list[float], _scale: float, _spacing: float) -> list[str]:  # type: ignore[override]
        return [plain_number(round(value, 9)) for value in values]
