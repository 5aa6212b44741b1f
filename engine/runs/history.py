"""Fold the events of a run into curves."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.core.events import Best, EpochDone, Event, Progress, RunDone, RunStarted, Warned
from engine.results.statistics import Interval, count_successes, wilson_interval


@dataclass
class History:
    """What a run has said so far, ready to be drawn."""

    started: RunStarted | None = None
    epochs: list[EpochDone] = field(default_factory=list)
    step_positions: list[float] = field(default_factory=list)
    """Where in the run each running loss was taken, in epochs."""
    step_losses: list[float] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    progress: Progress | None = None
    done: RunDone | None = None

    def add(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                self.started, self.done = event, None  # a run that was stopped may go on
            case EpochDone():
                # A run that went on after a crash does the epoch again that was not saved
                while self.epochs and self.epochs[-1].epoch >= event.epoch:
                    self.epochs.pop()
                self.epochs.append(event)
            case Progress():
                self.progress = event
                if event.stage == "train" and event.loss is not None and event.epoch is not None and event.total:
                    self.step_positions.append(event.epoch - 1 + event.done / event.total)
                    self.step_losses.append(event.loss)
            case Warned():
                self.warnings.append(event)
            case RunDone():
                self.done = event

    @classmethod
    def from_events(cls, events: Iterable[Event]) -> "History":
        """Return the history of all `events`."""
        history = cls()
        for event in events:
            history.add(event)
        return history

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the best epoch's accuracy."""
        best = self.best
        if not best or not self.started:
            return Interval(0.0, 1.0)
        num_val = self.started.num_val
        return wilson_interval(count_successes(best.accuracy, num_val), num_val)

    @property
    def best(self) -> Best | None:
        """The best epoch so far."""
        best = next((epoch for epoch in reversed(self.epochs) if epoch.best), None)
        if best is None:
            return None
        return Best(epoch=best.epoch, accuracy=best.val.accuracy, loss=best.val.loss)
