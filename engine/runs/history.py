"""History of a run: epochs, step losses and warnings collected from its events."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.core.events import Best, CandidateDone, EpochDone, Event, Progress, RaceDone, RunDone, RunStarted, Warned
from engine.results.headline import Headline, run_headline
from engine.results.statistics import Interval, count_successes, wilson_interval

MAX_STEPS = 20_000
"""Largest number of step losses; a training of many hours reports more than can be drawn."""

MAX_CANDIDATES = 20
"""Largest number of candidates that are kept, the latest; a race has fewer."""


@dataclass
class History:
    """State of a run after its events so far."""

    started: RunStarted | None = None
    epochs: list[EpochDone] = field(default_factory=list)
    step_positions: list[float] = field(default_factory=list)
    """Position of each step loss, in epochs."""
    step_losses: list[float] = field(default_factory=list)
    candidates: list[CandidateDone] = field(default_factory=list)
    """Ways of training that were tried within the time budget."""
    race: RaceDone | None = None
    """The choice between them."""
    warnings: list[Warned] = field(default_factory=list)
    progress: Progress | None = None
    done: RunDone | None = None

    def keys(self) -> tuple[str, ...]:
        """Return the names of the curves that `history[name]` gives."""
        return ("train_loss", "train_acc", "val_loss", "val_acc")

    def __getitem__(self, name: str) -> list[float]:
        """Return one of the curves of `keys`, one value per epoch: losses in nats, accuracies as fractions 0..1.

        Raises:
            KeyError: There is no curve of that name.
        """
        if name not in self.keys():
            raise KeyError(f"{name}; the curves are {', '.join(self.keys())}")
        split, _, measure = name.partition("_")
        scores = [epoch.train if split == "train" else epoch.val for epoch in self.epochs]
        return [each.loss if measure == "loss" else each.accuracy for each in scores]

    def add(self, event: Event) -> None:
        """Update the history with one event."""
        match event:
            case RunStarted():
                self.started, self.done = event, None  # a stopped run may be resumed
            case EpochDone():
                # A run resumed after a crash repeats the epoch that was not saved.
                while self.epochs and self.epochs[-1].epoch >= event.epoch:
                    self.epochs.pop()
                self.epochs.append(event)
            case Progress():
                self.progress = event
                if event.stage == "train" and event.loss is not None and event.epoch is not None and event.total:
                    self.step_positions.append(event.epoch - 1 + event.done / event.total)
                    self.step_losses.append(event.loss)
                    if len(self.step_losses) > MAX_STEPS:
                        del self.step_positions[::2], self.step_losses[::2]
            case CandidateDone():
                # A run resumed after a crash repeats the candidate that was not saved
                others = [other for other in self.candidates if other.name != event.name]
                self.candidates = [*others, event][-MAX_CANDIDATES:]
            case RaceDone():
                self.race = event
            case Warned():
                self.warnings.append(event)
            case RunDone():
                self.done = event

    @classmethod
    def from_events(cls, events: Iterable[Event]) -> "History":
        """Return the history of a sequence of events."""
        history = cls()
        for event in events:
            history.add(event)
        return history

    @property
    def headline(self) -> Headline | None:
        """Accuracy of the best epoch with what it hides; None before the first validation."""
        return run_headline(self.best, self.started) if self.best is not None and self.started is not None else None

    @property
    def interval(self) -> Interval:
        """95 % confidence interval of the validation accuracy of the best epoch."""
        best = self.best
        if not best or not self.started:
            return Interval(0.0, 1.0)
        num_val = self.started.num_val
        return wilson_interval(count_successes(best.accuracy, num_val), num_val)

    @property
    def best(self) -> Best | None:
        """Best epoch so far; None before the first validation."""
        best = next((epoch for epoch in reversed(self.epochs) if epoch.best), None)
        if best is None:
            return None
        criterion = self.started.criterion if self.started is not None else "accuracy"
        return Best(epoch=best.epoch, criterion=criterion, **dict(best.val))
