"""Export the model, sort images with it, serve it, and save tables."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject

from engine import jobs
from engine.jobs.base import from_callable
from engine.results.export_verification import ExportOptions, read_verification, verification_path
from engine.sorting.file_transfer import TransferMode
from gui.job import Job
from gui.job_runner import JobRunner
from gui.state import AppState


class DeliveryOperations(QObject):
    """Takes results out of the program: files, sorted folders and a local server."""

    def __init__(self, runner: JobRunner, state: AppState) -> None:
        super().__init__(runner)
        self._runner, self._state = runner, state

    def export(self, path: Path, options: ExportOptions) -> Job:
        """Export the model to `path`; the result is its verification record."""
        return self._runner.start("Exporting", jobs.export(self._state.require_model(), path, options))

    def read_verification(self, path: Path) -> Job:
        """Read the verification record of an exported file; the result is None if there is none."""
        work = from_callable(lambda: read_verification(path) if verification_path(path).is_file() else None)
        return self._runner.start_silently(work)

    def sort(self, folder: Path, target: Path, mode: TransferMode) -> Job:
        """Sort the images of a folder into class folders in `target`; the result is a Sorted."""
        work = jobs.sort(self._state.require_model(), folder, target, mode, self._state.max_error)
        return self._runner.start("Sorting", work)

    def undo_sort(self, path: Path) -> Job:
        """Restore the images that were sorted into a folder."""
        return self._runner.start("Undoing", jobs.undo_sort(path))

    def serve(self, port: int) -> Job:
        """Serve predictions on this computer over HTTP until the job is stopped."""
        work = jobs.serve(self._state.require_model(), port, max_error=self._state.max_error)
        return self._runner.start_silently(work)

    def save_table(self, path: Path, rows: Iterable[Sequence[str]]) -> Job:
        """Write a CSV table whose first row holds the column names."""
        return self._runner.start_silently(jobs.save_table(path, rows))
