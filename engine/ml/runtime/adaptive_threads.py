"""Number of compute threads that is adapted to the load by other programs during training."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from engine.core.free_cores import FreeCores
from engine.ml.runtime import distributed
from engine.ml.runtime.thread_search import ThreadSearch
from engine.ml.runtime.threads import num_compute_threads, set_compute_threads

Batch = TypeVar("Batch")

_MIN_SECONDS = 2.0
"""Shortest window in which a speed is measured. Beside other programs a step may take that long."""
_NOTICE = (
    "Other programs are busy, so the number of CPU threads is adapted to them. This changes the last digits of the "
    "results; a number in the setting 'CPU threads' keeps them the same."
)


class Load(Protocol):
    """Source of the number of cores that other programs leave free, such as `FreeCores`."""

    def since_last_call(self) -> float | None:
        """Return the mean number of free cores since the last call, or None if it is unknown."""


class AdaptiveThreads:
    """Measures the speed of training steps in windows and sets the number of threads for the next window.

    Only training steps are computed with an adapted number; everything else uses all threads.

    Args:
        max_threads: Number of threads on an idle computer.
        notify: Called with a message when the number is changed for the first time.
        set_threads: Sets the number of threads of the calling thread.
        load: Source of the number of free cores.
        clock: Time in seconds.
    """

    def __init__(
        self,
        max_threads: int,
        notify: Callable[[str], object],
        set_threads: Callable[[int], object] = set_compute_threads,
        load: Load | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max, self._notify, self._set_threads, self._clock = max_threads, notify, set_threads, clock
        self._load = FreeCores() if load is None else load
        self._search = ThreadSearch(max_threads)
        self._used = {max_threads}
        self._was_adapted = False
        self._start_window()

    def during(self, batches: Iterable[Batch], num_images: Callable[[Batch], int]) -> Iterator[Batch]:
        """Yield batches, and adapt the number of threads by the time until the next one is requested.

        Args:
            batches: Batches of one epoch.
            num_images: Returns the number of images of a batch.
        """
        self._set_threads(self._search.count)
        is_warm = False
        began = self._clock()
        try:
            for batch in batches:
                yield batch
                now = self._clock()
                is_changed = is_warm and self._step_done(num_images(batch), now - began)
                # The first step with a new number of threads is slower, since kernels are prepared for it
                is_warm, began = not is_changed or self._search.count in self._used, now
                self._used.add(self._search.count)
        finally:
            self._set_threads(self._max)

    def _step_done(self, num_images: int, seconds: float) -> bool:
        """Count a step; return True if it ends the window and the number of threads is changed."""
        self._num_images += num_images
        self._seconds += seconds
        if self._seconds < _MIN_SECONDS:
            return False
        before = self._search.count
        count = self._search.window_done(self._num_images / self._seconds, self._load.since_last_call())
        self._start_window()
        if count == before:
            return False
        self._set_threads(count)
        if not self._was_adapted:
            self._was_adapted = True
            self._notify(_NOTICE)
        return True

    def _start_window(self) -> None:
        self._num_images, self._seconds = 0, 0.0


def make_adaptive_threads(notify: Callable[[str], object]) -> AdaptiveThreads | None:
    """Return what adapts the threads of a training on the CPU, or None if there is nothing to adapt.

    That is so with a single thread, with several processes, and if the user set OMP_NUM_THREADS.

    Args:
        notify: Called with a message when the number is changed for the first time.
    """
    max_threads = num_compute_threads()
    if max_threads == 1 or distributed.world_size() > 1 or os.environ.get("OMP_NUM_THREADS"):
        return None
    return AdaptiveThreads(max_threads, notify)
