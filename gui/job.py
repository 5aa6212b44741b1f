"""Run one job of the engine, a generator of events, in a QThread of its own."""

import logging
import threading
import time
from collections.abc import Generator
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from engine.core.errors import EngineError
from engine.core.event_stream import StoppedByUserError, run_to_end
from engine.core.events import Progress
from engine.results.predictions import Prediction
from gui.models.run_record import RunRecord

logger = logging.getLogger(__name__)

_STACK_BYTES = 16 * 1024 * 1024  # threads get 512 KB on macOS by default, which is too little for numpy and torch
_SEND_INTERVAL_SECONDS = 0.1


class Job(QObject):
    """Runs a generator in a background thread and emits its events in the GUI thread.

    Exactly one of `succeeded`, `failed` and `stopped` is emitted, unless the job is discarded, then `finished`.
    """

    events_received = Signal(list)
    """The events since the last emission, in order. Those that may be many are emitted ten times a second."""
    succeeded = Signal(object)
    """The return value of the generator."""
    failed = Signal(Exception)
    """The exception: an EngineError has a message for the user, any other one is a bug and has been logged."""
    stopped = Signal()
    finished = Signal()

    def __init__(self, work: Generator[Any, None, Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_discarded = False
        self._thread = _WorkThread(work)
        # Connected to methods, because an answer may already be on its way when the job is discarded
        self._thread.events_received.connect(self._on_events)
        self._thread.succeeded.connect(self._on_succeeded)
        self._thread.failed.connect(self._on_failed)
        self._thread.stopped.connect(self._on_stopped)
        self._thread.finished.connect(self.finished)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Close the generator after its next event; it saves its state in its own thread."""
        self._thread.stop_requested.set()

    def discard(self) -> None:
        """Stop the job and emit nothing more but `finished`, not even an error: its answer is no longer needed."""
        self._is_discarded = self._thread.is_discarded = True
        self.stop()

    def _on_events(self, events: list[Any]) -> None:
        if not self._is_discarded:
            self.events_received.emit(events)

    def _on_succeeded(self, result: object) -> None:
        if not self._is_discarded:
            self.succeeded.emit(result)

    def _on_failed(self, error: Exception) -> None:
        if not self._is_discarded:
            self.failed.emit(error)

    def _on_stopped(self) -> None:
        if not self._is_discarded:
            self.stopped.emit()

    def is_running(self) -> bool:
        """Return whether the thread is running."""
        return self._thread.isRunning()

    def wait(self, milliseconds: int = 30_000) -> bool:
        """Block until the thread has ended; return False after the timeout."""
        return self._thread.wait(milliseconds)


class _WorkThread(QThread):
    events_received = Signal(list)
    succeeded = Signal(object)
    failed = Signal(Exception)
    stopped = Signal()

    def __init__(self, work: Generator[Any, None, Any]) -> None:
        super().__init__()
        self._work = work
        self.stop_requested = threading.Event()
        self.is_discarded = False
        self.setStackSize(_STACK_BYTES)

    def run(self) -> None:
        """Run the generator to its end, including its `finally` blocks, in this thread."""
        try:
            self._run_generator()
        except EngineError as error:
            self.failed.emit(error)
        except Exception as error:  # a bug: the traceback goes to the log, a short message to the window
            logger.exception("A job failed")
            self.failed.emit(error)

    def _run_generator(self) -> None:
        pending: list[Any] = []
        last_sent = 0.0

        def send() -> None:
            nonlocal pending, last_sent
            if pending:
                self.events_received.emit(pending)
            pending, last_sent = [], time.monotonic()

        def collect(event: Any) -> None:
            pending.append(event)
            is_urgent = not isinstance(event, Progress | Prediction | RunRecord)
            # While torch is imported no further event comes
            is_loading = isinstance(event, Progress) and event.stage == "load"
            if is_urgent or is_loading or time.monotonic() - last_sent >= _SEND_INTERVAL_SECONDS:
                send()

        try:
            result = run_to_end(self._work, collect, self.stop_requested.is_set)
        except StoppedByUserError:
            send()
            self.stopped.emit()
        else:
            send()
            # A result that nobody awaits is freed here, because freeing a large one takes long
            self.succeeded.emit(None if self.is_discarded else result)
