"""Event log of a run: each event is appended to events.jsonl, and failed writes are retried."""

import logging
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

from engine.core.atomic_write import append_line
from engine.core.errors import EngineError
from engine.core.event_stream import map_events
from engine.core.events import Event, Progress, RunDone, Warned, to_line
from engine.runs.history import History
from engine.runs.run_folder import Run

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


def log_events(run: Run, events: Generator[Event, None, Result]) -> Generator[Event, None, Result]:
    """Pass events on and append each one except progress to the event log.

    When the consumer stops the generator or the job fails, the stop or the error message is still logged. A failed
    write gives one warning and is retried with the next event.

    Raises:
        EngineError: Events are still unwritten when the job ends.
    """
    history = History()
    started = time.monotonic()
    log = _EventLog(run.events_path)

    def write(event: Event) -> Iterator[Event]:
        history.add(event)
        warning = log.write(event)
        yield event
        if warning is not None:
            yield warning

    try:
        result = yield from map_events(events, write)
        log.finish()
        return result
    except GeneratorExit:
        seconds = time.monotonic() - started
        if history.done is None:
            log.write(RunDone(model=str(run.model_path), best=history.best, seconds=seconds, stopped=True))
        raise
    except EngineError as error:
        log.write(Warned(message=error.message))
        raise


class _EventLog:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: list[Event] = []
        self._has_warned = False

    def write(self, event: Event) -> Warned | None:
        """Write pending events and this one; return a warning on the first failure."""
        if isinstance(event, Progress):
            return None
        self._pending.append(event)
        error = self._flush()
        if error is None or self._has_warned:
            return None
        self._has_warned = True
        return Warned(
            message=f"The event log of this run cannot be written: {error.strerror or error}. Training continues and "
            "writing is retried. Free some space."
        )

    def finish(self) -> None:
        """Write pending events; raises EngineError if that fails."""
        error = self._flush()
        if error is not None:
            raise EngineError(
                f"The event log of this run could not be written: {error.strerror or error}. Its best model is saved. "
                "Free some space, then resume the run.",
                self._path,
            ) from error

    def _flush(self) -> OSError | None:
        try:
            while self._pending:
                event = self._pending[0]
                append_line(self._path, to_line(event), is_synced=not isinstance(event, Warned))
                del self._pending[0]
        except OSError as error:
            logger.warning("The event log could not be written: %s", error)
            return error
        return None
