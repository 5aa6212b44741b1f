"""Ordered map over a thread pool with bounded memory, and a weighted semaphore."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def num_workers() -> int:
    """Return the number of decoding threads: one per core, since image decoders release the interpreter lock."""
    return min(16, os.cpu_count() or 1)


def map_in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    ahead: int,
    prepare_thread: Callable[[], object] = lambda: None,
) -> Iterator[Result]:
    """Apply a function to items in threads and yield the results in the order of the items.

    An exception of `function` is raised in place of its result. Closing the iterator cancels items that have not
    started.

    Args:
        function: Called in a worker thread.
        items: The items; read only as far as needed.
        ahead: Largest number of items that are started before the result of the current one is taken.
        prepare_thread: Called once in each new thread.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(num_workers(), "images", prepare_thread)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class WeightedSemaphore:
    """A semaphore with units: `acquire_units(n)` blocks until n units are free."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._changed = threading.Condition()

    @contextmanager
    def acquire_units(self, amount: int) -> Iterator[None]:
        """Hold `amount` units, at most the total, during the block."""
        with self._changed:
            self._changed.wait_for(lambda: amount <= self._left)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()
