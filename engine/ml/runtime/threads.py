"""Number of threads that torch computes with. It changes the last bits of sums, so it does not depend on the load."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from threadpoolctl import ThreadpoolController

from engine.core.threads import num_cores

_TORCH_DEFAULT = torch.get_num_threads()
"""The count that torch or the caller of the engine chose before the first job."""


def num_compute_threads() -> int:
    """Return the number of threads for one job: torch's default, but not more than this process has cores.

    A count that the user sets with OMP_NUM_THREADS is kept.
    """
    return _TORCH_DEFAULT if os.environ.get("OMP_NUM_THREADS") else min(_TORCH_DEFAULT, num_cores())


def set_compute_threads(num_threads: int = 0) -> int:
    """Let torch compute with `num_threads` threads in the calling thread; 0: `num_compute_threads()`.

    Returns the number of threads.

    Threads started later inherit the count, so every thread that starts a job, or work of a job, calls this.
    """
    num_threads = num_threads or num_compute_threads()
    torch.set_num_threads(num_threads)
    return num_threads


def compute_in_one_thread() -> None:
    """Let torch compute without helper threads in the calling thread, and only there.

    `torch.set_num_threads(1)` would also apply to all threads that are started later.
    """
    torch.get_num_threads()  # the first call in a thread sets the count of the process, so it must come before
    _openmp().limit(limits=1)


class _BlasLimit:
    """Limits BLAS to one thread while at least one thread requires it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_users = 0
        self._limiter: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._num_users == 0:
                self._limiter = ThreadpoolController().select(user_api="blas").limit(limits=1)
            self._num_users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._num_users -= 1
            if self._num_users == 0:
                self._limiter.restore_original_limits()


_blas_limit = _BlasLimit()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Compute without helper threads during the block, in NumPy, SciPy and scikit-learn too.

    Their BLAS has one thread count for the whole process. It is restored when the last thread leaves its block; earlier
    it would change the thread count of the others, and with it the last digits of their results.
    """
    with _blas_limit, ThreadpoolController().select(user_api="openmp").limit(limits=1):
        yield


@cache
def _openmp() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="openmp")
