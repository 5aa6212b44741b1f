"""Do the same to many things in threads, keeping their order and a bound on what is held."""

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
    """Return how many threads decode images: all the cores, for decoders release the interpreter lock."""
    return min(16, os.cpu_count() or 1)


def map_in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    ahead: int,
    prepare_thread: Callable[[], object] = lambda: None,
) -> Iterator[Result]:
    """Yield `function(item)` in the order of `items`, at most `ahead` of them worked on beyond the one yielded.

    An exception of `function` is raised where its result was due. Closing the iterator drops what has not begun.
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
    """An amount that threads share: who wants more than is left waits until others have given theirs back."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._changed = threading.Condition()

    @contextmanager
    def acquire_units(self, amount: int) -> Iterator[None]:
        """Hold `amount`, which must be no more than the total, while the block runs."""
        with self._changed:
            self._changed.wait_for(lambda: amount <= self._left)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()
