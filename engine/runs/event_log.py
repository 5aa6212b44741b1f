"""The journal of a run: its events, one line each, written as they come and again where the disk refused."""

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
    """Pass the events on and append each but progress to the run's journal as it comes.

    The journal also gets what nobody is left to be told of: that the run was stopped, or why it failed. What the disk
    refuses is told once and tried again with the next event; raises EngineError where it refuses to the end.
    """
    history = History()
    started = time.monotonic()
    journal = _Journal(run.events_path)

    def write(event: Event) -> Iterator[Event]:
        history.add(event)
        warning = journal.write(event)
        yield event
        if warning is not None:
            yield warning

    try:
        result = yield from map_events(events, write)
        journal.finish()
        return result
    except GeneratorExit:
        seconds = time.monotonic() - started
        if history.done is None:
            journal.write(RunDone(model=str(run.model_path), best=history.best, seconds=seconds, stopped=True))
        raise
    except EngineError as error:
        journal.write(Warned(message=error.message))
        raise


class _Journal:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[Event] = []
        self._is_told = False

    def write(self, event: Event) -> Warned | None:
        """Write an event, behind those that wait; return what to tell where the disk refuses for the first time."""
        if isinstance(event, Progress):
            return None
        self._waiting.append(event)
        error = self._try()
        if error is None or self._is_told:
            return None
        self._is_told = True
        return Warned(
            message=f"The journal of this run cannot be written: {error.strerror or error}. Training goes on, and "
            "it is tried again. Free some space."
        )

    def finish(self) -> None:
        """Raise EngineError where lines still wait."""
        error = self._try()
        if error is not None:
            raise EngineError(
                f"The journal of this run could not be written: {error.strerror or error}. Its best model is kept. "
                "Free some space, then resume the run.",
                self._path,
            ) from error

    def _try(self) -> OSError | None:
        try:
            while self._waiting:
                event = self._waiting[0]
                append_line(self._path, to_line(event), is_synced=not isinstance(event, Warned))
                del self._waiting[0]
        except OSError as error:
            logger.warning("A line of the journal was refused: %s", error)
            return error
        return None
