"""The type of a job and helpers that all jobs share."""

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from engine.core.events import Event
from engine.results.predictions import Prediction

Result = TypeVar("Result")
Yielded = TypeVar("Yielded", bound=Event | Prediction)
EventStream: TypeAlias = Generator[Event, None, Result]


def translate_device_errors(work: Generator[Yielded, None, Result]) -> Generator[Yielded, None, Result]:
    """Run a job of `engine.ml` on all cores; raise EngineError when memory runs out or the device fails."""
    from engine.ml.runtime.errors import device_errors_translated
    from engine.ml.runtime.threads import set_compute_threads

    set_compute_threads()
    with device_errors_translated():
        return (yield from work)


def from_callable(function: Callable[[], Result]) -> Generator[Event, None, Result]:
    """Return a job that calls a function and yields no events."""
    yield from ()
    return function()
