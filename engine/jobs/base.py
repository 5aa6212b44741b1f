"""What jobs are made of."""

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from engine.core.events import Event
from engine.results.predictions import Prediction

Result = TypeVar("Result")
Yielded = TypeVar("Yielded", bound=Event | Prediction)
Work: TypeAlias = Generator[Event, None, Result]


def heavy(work: Generator[Yielded, None, Result]) -> Generator[Yielded, None, Result]:
    """Do work of `engine.ml`; what memory and device do to it becomes EngineError."""
    from engine.ml.runtime.errors import device_failures_told

    with device_failures_told():
        return (yield from work)


def once(function: Callable[[], Result]) -> Generator[Event, None, Result]:
    """Return work that tells of nothing on its way."""
    yield from ()
    return function()
