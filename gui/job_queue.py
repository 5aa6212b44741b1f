"""Run jobs one after the other, in the order of their requests."""

from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from gui.job import Job
from gui.job_runner import JobRunner

Work = Callable[[], Generator[Any, None, Any]]
Answer = Callable[[Any], object]


class JobQueue:
    """First in, first out: each job starts after the answer to the one before it was handled.

    The jobs are short and run to their end even if the window closes, so that nothing the user did is lost.
    """

    def __init__(self, runner: JobRunner) -> None:
        self._runner = runner
        self._waiting: deque[tuple[Work, Answer, Callable[[], object]]] = deque()
        self._job: Job | None = None

    def add(self, work: Work, on_success: Answer, on_failure: Callable[[], object]) -> None:
        """Add a job. `work` is called when its turn comes, so that it uses the changes of the jobs before it."""
        self._waiting.append((work, on_success, on_failure))
        if self._job is None:
            self._start_next()

    def _start_next(self) -> None:
        work, on_success, on_failure = self._waiting.popleft()
        self._job = self._runner.start_silently(work(), is_essential=True)
        self._job.succeeded.connect(on_success)
        self._job.failed.connect(lambda _error: on_failure())
        self._job.finished.connect(self._on_finished)

    def _on_finished(self) -> None:
        self._job = None
        if self._waiting:
            self._start_next()
