"""Use only the answer to the latest of several requests."""

from collections.abc import Callable
from typing import Any

from gui.job import Job

Start = Callable[[], Job]
Answer = Callable[[Any], object]


class LatestJob:
    """A place for one job at a time: a new request discards the job of the previous one.

    Args:
        is_serial: A job that is one call of a function cannot be stopped. If True, the next job starts only after the
            discarded one has ended, so that two of them never run at once; of several waiting requests, the last is
            kept. If False, the next job starts at once.
    """

    def __init__(self, is_serial: bool = False) -> None:
        self._is_serial = is_serial
        self._job: Job | None = None
        self._is_current = False
        self._waiting: tuple[Start, Answer] | None = None

    @property
    def is_awaited(self) -> bool:
        """True if an answer will come, unless the job fails."""
        return self._is_current or self._waiting is not None

    def request(self, start: Start, on_success: Answer) -> None:
        """Start a job and call `on_success` with its result, unless another request follows."""
        self.discard()
        if self._is_serial and self._job is not None:
            self._waiting = (start, on_success)
        else:
            self._start(start, on_success)

    def discard(self) -> None:
        """Stop the job and drop its answer."""
        self._waiting = None
        if self._job is not None and self._is_current:
            self._is_current = False
            self._job.discard()

    def _start(self, start: Start, on_success: Answer) -> None:
        job = start()
        self._job, self._is_current = job, True
        job.succeeded.connect(lambda answer: self._on_succeeded(job, answer, on_success))
        job.finished.connect(lambda: self._on_finished(job))

    def _on_succeeded(self, job: Job, answer: object, on_success: Answer) -> None:
        if job is self._job and self._is_current:
            self._is_current = False
            on_success(answer)

    def _on_finished(self, job: Job) -> None:
        if job is not self._job:
            return
        self._job, self._is_current = None, False
        if self._waiting is not None:
            (start, on_success), self._waiting = self._waiting, None
            self._start(start, on_success)
