"""Pull a generator of events to its end."""

from collections.abc import Callable, Generator
from typing import TypeVar

Event = TypeVar("Event")
Result = TypeVar("Result")


def run_to_end(work: Generator[Event, None, Result], on_event: Callable[[Event], object] | None = None) -> Result:
    """Return the result of `work`, handing each event to `on_event`."""
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if on_event is not None:
            on_event(event)
