"""Functions that consume and transform jobs, which are generators of events."""

from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

Event = TypeVar("Event")
Mapped = TypeVar("Mapped")
Result = TypeVar("Result")


class StoppedByUserError(Exception):
    """Raised when a job is stopped before its end; the job has saved its state."""


def run_to_end(
    work: Generator[Event, None, Result],
    on_event: Callable[[Event], object] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Result:
    """Run a job to its end and return its result.

    Args:
        work: The job.
        on_event: Called with each event.
        is_stopped: Called before each step; the job is closed when it returns True.

    Raises:
        StoppedByUserError: The job was closed because `is_stopped` returned True.
    """
    while not is_stopped():
        try:
            event = next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if on_event is not None:
            on_event(event)
    work.close()
    raise StoppedByUserError


def map_events(
    work: Generator[Event, None, Result], transform: Callable[[Event], Iterable[Mapped]]
) -> Generator[Mapped, None, Result]:
    """Replace each event of a job by the events that `transform` returns for it, and return the result of the job.

    Closing the returned generator closes `work`.
    """
    try:
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield from transform(event)
    finally:
        work.close()
