"""What a run folder says in short, read once, a few folders at a time."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.events import Best
from engine.core.locks import is_locked
from engine.runs.history import History
from engine.runs.run_folder import Run

_SECONDS_AT_ONCE = 0.008
"""Half a frame: reading hundreds of runs must not be felt."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run in short. What its files do not say is None."""

    run: Run
    started: datetime | None
    config: RunConfig | None
    history: History = field(default_factory=History)
    is_running: bool = False
    """Some program works on it right now, this one or another."""

    @property
    def num_images(self) -> int | None:
        """Images of both splits."""
        start = self.history.started
        return start.num_train + start.num_val if start else None

    @property
    def num_epochs(self) -> int:
        """Epochs that were finished."""
        return len(self.history.epochs)

    @property
    def num_val(self) -> int:
        """Images the run was measured on."""
        return self.history.started.num_val if self.history.started else 0

    @property
    def best(self) -> Best | None:
        """The best epoch."""
        return self.history.best

    @property
    def seconds(self) -> float | None:
        """How long it took, or its finished epochs where it was cut off."""
        if self.history.done:
            return self.history.done.seconds
        return sum(epoch.seconds for epoch in self.history.epochs) or None

    @property
    def state(self) -> str:
        """How it ended, in a word or two."""
        done = self.history.done
        if done is None:
            return "under way" if self.is_running else "cut off" if self.history.started else "not begun"
        return "stopped" if done.stopped else "done"

    @property
    def can_resume(self) -> bool:
        """Say whether there is something left to train and nobody at it."""
        done = self.history.done
        return (done is None or done.stopped) and not self.is_running


def read_record(run: Run) -> RunRecord:
    """Read what the files of a run say."""
    try:
        config: RunConfig | None = run.config
    except EngineError:
        config = None
    try:
        started: datetime | None = datetime.fromtimestamp(run.config_path.stat().st_mtime)
    except OSError:
        started = None
    return RunRecord(run, started, config, run.history)


class RunReader(QObject):
    """Reads runs between the events of the window, and those that did not change only once."""

    record_read = Signal(object)
    """A RunRecord."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[Run] = deque()
        self._known: dict[Path, tuple[float, RunRecord]] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._on_timeout)

    def read(self, runs: Iterable[Run]) -> None:
        """Read these runs, in this order, instead of those still waiting."""
        self._waiting = deque(runs)
        self._timer.start()

    def is_reading(self) -> bool:
        """Say whether runs are still waiting."""
        return self._timer.isActive()

    def _on_timeout(self) -> None:
        until = time.monotonic() + _SECONDS_AT_ONCE
        for record in self._next_records():
            self.record_read.emit(record)
            if time.monotonic() > until:
                return
        self._timer.stop()

    def _next_records(self) -> Iterator[RunRecord]:
        while self._waiting:
            run = self._waiting.popleft()
            changed = _changed_at(run)
            known = self._known.get(run.path)
            if known is None or known[0] != changed:
                known = self._known[run.path] = (changed, read_record(run))
            record = known[1]
            # Whether somebody works on a run does not stand in its files, so it is asked each time
            done = record.history.done
            is_running = (done is None or done.stopped) and is_locked(run.path)
            if is_running != record.is_running:
                record = replace(record, is_running=is_running)
                self._known[run.path] = (changed, record)
            yield record


def _changed_at(run: Run) -> float:
    try:
        return run.events_path.stat().st_mtime
    except OSError:
        return 0.0
