"""Summaries of run folders, read a few at a time in the event loop."""

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

_MAX_SECONDS_PER_TICK = 0.008
"""Half a frame, so that reading hundreds of runs does not block the window."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Summary of a run. A field is None if the files of the run do not contain it."""

    run: Run
    started: datetime | None
    config: RunConfig | None
    history: History = field(default_factory=History)
    is_running: bool = False
    """True if this or another process is training the run now."""

    @property
    def num_images(self) -> int | None:
        """Number of training and validation images."""
        start = self.history.started
        return start.num_train + start.num_val if start else None

    @property
    def num_epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.history.epochs)

    @property
    def num_val(self) -> int:
        """Number of validation images."""
        return self.history.started.num_val if self.history.started else 0

    @property
    def best(self) -> Best | None:
        """The best epoch so far."""
        return self.history.best

    @property
    def seconds(self) -> float | None:
        """Training time in seconds; that of the finished epochs if the run did not end."""
        if self.history.done:
            return self.history.done.seconds
        return sum(epoch.seconds for epoch in self.history.epochs) or None

    @property
    def state(self) -> str:
        """Status: running, interrupted, failed, stopped or done."""
        done = self.history.done
        if done is None:
            return "running" if self.is_running else "interrupted" if self.history.started else "failed"
        return "stopped" if done.stopped else "done"

    @property
    def can_resume(self) -> bool:
        """True if the run is unfinished and no process is training it."""
        done = self.history.done
        return (done is None or done.stopped) and not self.is_running


def read_record(run: Run) -> RunRecord:
    """Read the files of a run into a record."""
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
    """Reader of run folders that works in the idle time of the event loop and caches unchanged runs."""

    record_read = Signal(object)
    """Emitted with a RunRecord."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[Run] = deque()
        self._cache: dict[Path, tuple[float, RunRecord]] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._on_timeout)

    def read(self, runs: Iterable[Run]) -> None:
        """Read these runs in this order; runs that are still waiting are dropped."""
        self._waiting = deque(runs)
        self._timer.start()

    def is_reading(self) -> bool:
        """Return whether runs are waiting to be read."""
        return self._timer.isActive()

    def _on_timeout(self) -> None:
        deadline = time.monotonic() + _MAX_SECONDS_PER_TICK
        for record in self._next_records():
            self.record_read.emit(record)
            if time.monotonic() > deadline:
                return
        self._timer.stop()

    def _next_records(self) -> Iterator[RunRecord]:
        while self._waiting:
            run = self._waiting.popleft()
            modified = _modification_time(run)
            cached = self._cache.get(run.path)
            if cached is None or cached[0] != modified:
                cached = self._cache[run.path] = (modified, read_record(run))
            record = cached[1]
            # The files do not show whether a process is training the run, so the lock is checked each time.
            done = record.history.done
            is_running = (done is None or done.stopped) and is_locked(run.path)
            if is_running != record.is_running:
                record = replace(record, is_running=is_running)
                self._cache[run.path] = (modified, record)
            yield record


def _modification_time(run: Run) -> float:
    try:
        return run.events_path.stat().st_mtime
    except OSError:
        return 0.0
