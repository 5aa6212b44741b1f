"""Training curves of a run, updated by a timer while they are visible."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from engine.config.settings import RunConfig
from engine.core.events import Event
from engine.runs.history import History
from gui.theme import GRID
from gui.widgets.candidate_list import CandidateList
from gui.widgets.plots.curve_plot import ACCURACY, LOSS, CurvePlot, Metric
from gui.widgets.plots.schedule_plot import SchedulePlot

_UPDATE_INTERVAL_MS = 100
_MIN_WIDTH_SIDE_BY_SIDE = 720


class LivePlot(QWidget):
    """Plots of accuracy, loss and learning-rate schedule of one run, and its candidates, updated with its events."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history = History()
        self._config = RunConfig()
        self._earlier: Sequence[History] = ()
        self._is_stale = self._is_new_run = True
        self._timer = QTimer(self)
        self._timer.setInterval(_UPDATE_INTERVAL_MS)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_tick)
        self._pair = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._pair.setSpacing(3 * GRID)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2 * GRID)
        self._column.addLayout(self._pair, 4)
        self.candidates = CandidateList(self)
        self._column.addWidget(self.candidates)

    @cached_property
    def accuracy(self) -> CurvePlot:
        """The accuracy curves, created when first shown, because charts are slow to create."""
        return self._add_curves(ACCURACY)

    @cached_property
    def loss(self) -> CurvePlot:
        """The loss curves, created when first shown."""
        return self._add_curves(LOSS)

    @cached_property
    def schedule(self) -> SchedulePlot:
        """The learning-rate schedule, created when first shown."""
        schedule = SchedulePlot()
        schedule.setMinimumHeight(13 * GRID)
        self._column.insertWidget(1, schedule, 1)
        return schedule

    def _add_curves(self, metric: Metric) -> CurvePlot:
        plot = CurvePlot(metric)
        plot.setMinimumSize(30 * GRID, 16 * GRID)
        self._pair.addWidget(plot, 1)
        return plot

    def begin(self, config: RunConfig) -> None:
        """Clear the curves for a run with these settings."""
        self.show_history(History(), config)

    def show_history(self, history: History, config: RunConfig) -> None:
        """Show the history of a run with its settings."""
        self.history, self._config, self._is_new_run = history, config, True
        self._make_stale()

    def show_plan(self, config: RunConfig) -> None:
        """Show the schedule of other settings and keep the curves."""
        self.show_history(self.history, config)

    def add_events(self, events: Iterable[Event]) -> None:
        """Add new events of the run."""
        for event in events:
            self.history.add(event)
        self._make_stale()

    def show_earlier_runs(self, histories: Sequence[History]) -> None:
        """Show the curves of earlier runs faintly below the others."""
        self._earlier, self._is_new_run = histories, True
        self._make_stale()

    def position(self) -> float | None:
        """Return the progress of the run in epochs, or None before it starts and after it ends."""
        progress = self.history.progress
        if self.history.done or not self.history.started:
            return None
        finished = float(self.history.epochs[-1].epoch) if self.history.epochs else 0.0
        if progress and progress.stage == "train" and progress.epoch and progress.total:
            return max(finished, progress.epoch - 1 + progress.done / progress.total)
        return finished

    def draw(self) -> None:
        """Draw the current history."""
        self._is_stale = False
        started = self.history.started
        num_epochs = started.epochs if started else self._config.training.epochs
        if self.history.epochs:  # under a time budget the number of epochs is an estimate that is updated
            num_epochs = self.history.epochs[-1].epochs
        for plot in (self.accuracy, self.loss):
            if self._is_new_run:
                plot.show_earlier_runs(self._earlier)
            plot.show_history(self.history, num_epochs)
            plot.draw()
        if self._is_new_run:
            self.schedule.show_plan(self._config)
            # Under a time budget the learning rate depends on time, so a schedule over epochs would be wrong.
            self.schedule.setVisible(self._config.training.budget_seconds is None)
        self.schedule.show_position(self.position())
        self.candidates.show_history(self.history)
        self._is_new_run = False

    def _make_stale(self) -> None:
        self._is_stale = True
        if self.isVisible() and not self._timer.isActive():
            self._timer.start()

    def _on_tick(self) -> None:
        if self._is_stale and self.isVisible():
            self.draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw the events that arrived while the widget was hidden."""
        super().showEvent(event)
        if self._is_stale:
            self.draw()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop the updates."""
        self._timer.stop()
        super().hideEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stack the two plots if the widget is narrow."""
        super().resizeEvent(event)
        is_wide = self.width() >= _MIN_WIDTH_SIDE_BY_SIDE
        self._pair.setDirection(QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom)
