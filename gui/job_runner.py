"""Start jobs and hold a reference to each until it has finished."""

from collections.abc import Generator, Iterable
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from gui.job import Job

_RELEASED_AT_ONCE = 1000


class JobRunner(QObject):
    """The only place where jobs, and so threads, are started."""

    failed = Signal(Exception)
    """A job or an action failed; the window shows the error."""
    job_started = Signal(str, Job)
    """The description of the job for the job bar, and the job."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: set[Job] = set()
        self._essential: set[Job] = set()
        self._is_shutting_down = False

    @property
    def running_jobs(self) -> tuple[Job, ...]:
        """The jobs that have not finished."""
        return tuple(self._jobs)

    def start(self, description: str, work: Generator[Any, None, Any]) -> Job:
        """Start a job that the job bar shows."""
        job = self.start_silently(work)
        self.job_started.emit(description, job)
        return job

    def start_silently(self, work: Generator[Any, None, Any], is_essential: bool = False) -> Job:
        """Start a job that the user sees only if it fails. An essential one is not stopped when the window closes."""
        job = Job(work, self)
        self._jobs.add(job)
        if is_essential:
            self._essential.add(job)
        job.failed.connect(self.failed)
        job.finished.connect(lambda: self._release(job))
        if self._is_shutting_down and not is_essential:
            job.stop()
        job.start()
        return job

    def release(self, records: Iterable[object]) -> None:
        """Free records in the background that the caller no longer holds; freeing 100,000 at once takes 0.1 s."""
        held = list(records)
        if len(held) > _RELEASED_AT_ONCE:
            # In the next turn of the event loop, when the functions that hold them have returned
            QTimer.singleShot(0, self, lambda: self.start_silently(_release(held)))

    def shut_down(self) -> None:
        """Stop every job that is not essential, also those started later; each saves its results first."""
        self._is_shutting_down = True
        for job in self._jobs - self._essential:
            job.stop()

    def _release(self, job: Job) -> None:
        self._jobs.discard(job)
        self._essential.discard(job)
        job.deleteLater()  # otherwise the parent keeps the job, and all data of its generator, until the window closes


def _release(held: list[object]) -> Generator[None, None, None]:
    """Free records a few at a time, so that other threads can run in between."""
    while held:
        del held[-_RELEASED_AT_ONCE:]
        yield
