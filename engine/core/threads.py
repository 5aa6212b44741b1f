"""Ordered map over a thread pool with bounded memory, and a weighted semaphore."""

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


_WAIT_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Environment variables that control how threads of OpenMP (GNU, Intel, LLVM) wait."""
_SPIN_COUNT = "1000"
"""Turns that a thread of GNU's OpenMP waits actively; its default is about 300,000."""
_CGROUP_ROOT = Path("/sys/fs/cgroup")
_CGROUP_OF_PROCESS = Path("/proc/self/cgroup")


def num_cores() -> int:
    """Return the number of CPU cores that this process may use, at least 1.

    It is limited by the affinity of the process and by the CPU quota of its container (Linux cgroups).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _cgroup_quotas())]))


def _cgroup_quotas() -> Iterator[float]:
    """Yield the CPU quotas, in cores, of the cgroup of this process and of those that contain it."""
    try:
        lines = _CGROUP_OF_PROCESS.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        is_second_version = not controllers
        if not is_second_version and "cpu" not in controllers.split(","):
            continue
        root = _CGROUP_ROOT if is_second_version else _CGROUP_ROOT / "cpu"
        names = ("cpu.max",) if is_second_version else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        folder = root / path.lstrip("/")
        for parent in (folder, *folder.parents):
            with suppress(OSError, ValueError):  # the root has no quota, and "max" means none
                quota, period = " ".join((parent / name).read_text("utf-8") for name in names).split()
                if int(quota) > 0:
                    yield int(quota) / int(period)
            if parent == root:
                break


def limit_spinning() -> None:
    """Let threads of OpenMP spin only briefly at barriers, unless the user has set how they wait.

    While other programs are at work, spinning threads take the cores from the threads that they wait for; threads that
    never spin are slower on an idle machine (docs/performance.md). Call this before torch is loaded; processes that are
    started later inherit the choice.
    """
    if not any(name in os.environ for name in _WAIT_SETTINGS):
        os.environ["GOMP_SPINCOUNT"] = _SPIN_COUNT


def num_workers() -> int:
    """Return the number of decoding threads: one per core, since image decoders release the interpreter lock."""
    return min(16, num_cores())


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
