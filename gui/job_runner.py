"""Starts jobs and keeps them alive while they run."""

from collections.abc import Generator
from typing import Any

from PySide6.QtCore import QObject, Signal

from gui.job import Job
from gui.state import AppState


class JobRunner(QObject):
    """The one place where threads begin; what the user can do is built on it."""

    failed = Signal(Exception)
    """A job failed, or an action could not be done; the window shows it."""
    job_started = Signal(str, Job)
    """What is being done, in words, and the job."""

    def __init__(self, state: AppState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = state
        self._jobs: set[Job] = set()
        self._is_shutting_down = False

    @property
    def running_jobs(self) -> tuple[Job, ...]:
        """The jobs under way."""
        return tuple(self._jobs)

    def shut_down(self) -> None:
        """Ask every job to stop; each saves what it has."""
        self._is_shutting_down = True
        for job in self._jobs:
            job.stop()

    def _start(self, words: str, work: Generator[Any, None, Any]) -> Job:
        job = self._start_silently(work)
        self.job_started.emit(words, job)
        return job

    def _start_silently(self, work: Generator[Any, None, Any]) -> Job:
        """Start a job that the user did not ask for and need not hear of, unless it fails."""
        job = Job(work, self)
        self._jobs.add(job)
        job.failed.connect(self.failed)
        job.finished.connect(lambda: self._let_go(job))
        if self._is_shutting_down:
            job.stop()
        job.start()
        return job

    def _let_go(self, job: Job) -> None:
        self._jobs.discard(job)
        job.deleteLater()  # else it would live as long as the window, with all that its work holds
