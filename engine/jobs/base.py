"""The type of a job and helpers that all jobs share."""

import atexit
import gc
import sys
from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from engine.core.events import Event, Progress
from engine.core.garbage_collection import collector_paused
from engine.results.predictions import Prediction

Result = TypeVar("Result")
Yielded = TypeVar("Yielded", bound=Event | Prediction)
EventStream: TypeAlias = Generator[Event, None, Result]


def load_torch() -> EventStream[None]:
    """Import torch unless it is loaded; the event before that says so, because it takes a second or more.

    Every job that needs `engine.ml` does this before it imports a module of it.
    """
    if "engine.ml.runtime.threads" in sys.modules:
        return
    yield Progress(stage="load", done=0, total=0)
    with collector_paused():
        import engine.ml.runtime.threads  # noqa: F401 - it imports torch
    atexit.register(gc.freeze)  # so that the collector does not look at all objects of torch when the process ends


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
