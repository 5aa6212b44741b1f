"""One generator of the engine on one thread of Qt."""

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

logger = logging.getLogger(__name__)

_STACK_BYTES = 16 * 1024 * 1024  # macOS gives threads 512 KB, which numpy and torch overrun
_SECONDS_BETWEEN = 0.1


class Job(QObject):
    """Runs the work of a generator in a thread of its own and tells of it in the thread of the window.

    Of `succeeded`, `failed` and `stopped` exactly one is emitted, then `finished`.
    """

    events_received = Signal(list)
    """What was yielded since the last time, in order; at most about ten times a second."""
    succeeded = Signal(object)
    """The generator's result."""
    failed = Signal(Exception)
    """What it raised: an EngineError for the user, or a bug, which is in the log by then."""
    stopped = Signal()
    finished = Signal()

    def __init__(self, work: Generator[Any, None, Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = _WorkThread(work)
        self._thread.events_received.connect(self.events_received)
        self._thread.succeeded.connect(self.succeeded)
        self._thread.failed.connect(self.failed)
        self._thread.stopped.connect(self.stopped)
        self._thread.finished.connect(self.finished)

    def start(self) -> None:
        """Begin the work."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the work to end at its next event; it saves what it has in its own thread."""
        self._thread.stop_asked.set()

    def is_running(self) -> bool:
        """Say whether the thread is still at work."""
        return self._thread.isRunning()

    def wait(self, milliseconds: int = 30_000) -> bool:
        """Block until the thread has ended; for closing the program and for tests."""
        return self._thread.wait(milliseconds)


class _WorkThread(QThread):
    events_received = Signal(list)
    succeeded = Signal(object)
    failed = Signal(Exception)
    stopped = Signal()

    def __init__(self, work: Generator[Any, None, Any]) -> None:
        super().__init__()
        self._work = work
        self.stop_asked = threading.Event()
        self.setStackSize(_STACK_BYTES)

    def run(self) -> None:
        """Pull the generator to its end, in this thread to the last line of its `finally`."""
        try:
            self._pull()
        except EngineError as error:
            self.failed.emit(error)
        except Exception as error:  # a bug: the page says so, the log has the traceback
            logger.exception("A job failed")
            self.failed.emit(error)

    def _pull(self) -> None:
        waiting: list[Any] = []
        last_sent = 0.0

        def send() -> None:
            nonlocal waiting, last_sent
            if waiting:
                self.events_received.emit(waiting)
            waiting, last_sent = [], time.monotonic()

        def collect(event: Any) -> None:
            waiting.append(event)
            is_urgent = not isinstance(event, Progress | Prediction)
            if is_urgent or time.monotonic() - last_sent >= _SECONDS_BETWEEN:
                send()

        try:
            result = run_to_end(self._work, collect, self.stop_asked.is_set)
        except StoppedByUserError:
            send()
            self.stopped.emit()
        else:
            send()
            self.succeeded.emit(result)
