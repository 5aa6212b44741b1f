"""The curves of a run, drawn on a clock and only while they are seen."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from engine.config.settings import RunConfig
from engine.core.events import Event
from engine.runs.history import History
from gui.theme import GRID
from gui.widgets.plots.curve_plot import ACCURACY, LOSS, CurvePlot, Metric
from gui.widgets.plots.schedule_plot import SchedulePlot

_MS_BETWEEN = 100
_WIDTH_FOR_TWO = 720


class LivePlot(QWidget):
    """Accuracy, loss and planned learning rate of one run, grown event by event."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history = History()
        self._config = RunConfig()
        self._earlier: Sequence[History] = ()
        self._is_stale = self._is_another = True
        self._clock = QTimer(self)
        self._clock.setInterval(_MS_BETWEEN)
        self._clock.setSingleShot(True)
        self._clock.timeout.connect(self._on_tick)
        self._pair = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._pair.setSpacing(3 * GRID)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2 * GRID)
        self._column.addLayout(self._pair, 4)

    @cached_property
    def accuracy(self) -> CurvePlot:
        """Made when it is first seen, for the window is to be there soon and charts take long to make."""
        return self._add_curves(ACCURACY)

    @cached_property
    def loss(self) -> CurvePlot:
        """Made when it is first seen."""
        return self._add_curves(LOSS)

    @cached_property
    def schedule(self) -> SchedulePlot:
        """Made when it is first seen."""
        schedule = SchedulePlot()
        schedule.setMinimumHeight(13 * GRID)
        self._column.addWidget(schedule, 1)
        return schedule

    def _add_curves(self, measure: Metric) -> CurvePlot:
        plot = CurvePlot(measure)
        plot.setMinimumSize(30 * GRID, 16 * GRID)
        self._pair.addWidget(plot, 1)
        return plot

    def begin(self, config: RunConfig) -> None:
        """Clear the curves for a run with these settings."""
        self.show_history(History(), config)

    def show_history(self, history: History, config: RunConfig) -> None:
        """Show a run that is over, or has not begun."""
        self.history, self._config, self._is_another = history, config, True
        self._make_stale()

    def show_plan(self, config: RunConfig) -> None:
        """Show other settings, keeping the curves that are there."""
        self.show_history(self.history, config)

    def add_events(self, events: Iterable[Event]) -> None:
        """Take in what the run has said since the last time."""
        for event in events:
            self.history.add(event)
        self._make_stale()

    def show_earlier_runs(self, histories: Sequence[History]) -> None:
        """Lay earlier runs faintly under the curves."""
        self._earlier, self._is_another = histories, True
        self._make_stale()

    def position(self) -> float | None:
        """Return where the run stands, in epochs; None before the first step and after the end."""
        progress = self.history.progress
        if self.history.done or not self.history.started:
            return None
        finished = float(self.history.epochs[-1].epoch) if self.history.epochs else 0.0
        if progress and progress.stage == "train" and progress.epoch and progress.total:
            return max(finished, progress.epoch - 1 + progress.done / progress.total)
        return finished

    def draw(self) -> None:
        """Draw what is known by now."""
        self._is_stale = False
        started = self.history.started
        num_epochs = started.epochs if started else self._config.training.epochs
        if self.history.epochs:  # under a time budget the plan grows clearer as the run goes on
            num_epochs = self.history.epochs[-1].epochs
        for plot in (self.accuracy, self.loss):
            if self._is_another:
                plot.show_earlier_runs(self._earlier)
            plot.show_history(self.history, num_epochs)
            plot.draw()
        if self._is_another:
            self.schedule.show_plan(self._config)
            # Under a time budget the rate follows the clock, so a plan by epochs would be wrong
            self.schedule.setVisible(self._config.training.budget_seconds is None)
        self.schedule.show_position(self.position())
        self._is_another = False

    def _make_stale(self) -> None:
        self._is_stale = True
        if self.isVisible() and not self._clock.isActive():
            self._clock.start()

    def _on_tick(self) -> None:
        if self._is_stale and self.isVisible():
            self.draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what came while hidden."""
        super().showEvent(event)
        if self._is_stale:
            self.draw()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rest."""
        self._clock.stop()
        super().hideEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stack the two plots where they would be narrow."""
        super().resizeEvent(event)
        is_wide = self.width() >= _WIDTH_FOR_TWO
        self._pair.setDirection(QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom)
