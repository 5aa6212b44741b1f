"""What jobs are made of."""

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from engine.core.events import Event
from engine.results.predictions import Prediction

Result = TypeVar("Result")
Yielded = TypeVar("Yielded", bound=Event | Prediction)
EventStream: TypeAlias = Generator[Event, None, Result]


def translate_device_errors(work: Generator[Yielded, None, Result]) -> Generator[Yielded, None, Result]:
    """Do work of `engine.ml`; what memory and device do to it becomes EngineError."""
    from engine.ml.runtime.errors import device_errors_translated

    with device_errors_translated():
        return (yield from work)


def from_callable(function: Callable[[], Result]) -> Generator[Event, None, Result]:
    """Return work that tells of nothing on its way."""
    yield from ()
    return function()
