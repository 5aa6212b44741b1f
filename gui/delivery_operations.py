"""What the user can do to take a model away."""

from pathlib import Path

from engine import jobs
from engine.results.export_verification import ExportOptions
from engine.sorting.file_transfer import TransferMode
from gui.job import Job
from gui.run_operations import RunOperations


class DeliveryOperations(RunOperations):
    """Exports, sorts and serves with the model of the state."""

    def export(self, path: Path, options: ExportOptions) -> Job:
        """Write the model for other programs; the result is its certificate."""
        return self._start("Exporting", jobs.export(self._model(), path, options))

    def sort(self, folder: Path, target: Path, by: TransferMode) -> Job:
        """Sort the images of a folder into folders in `target`; the result is what was done."""
        work = jobs.sort(self._model(), folder, target, by, self.state.max_error)
        return self._start("Sorting", work)

    def unsort(self, path: Path) -> Job:
        """Take back what was sorted into a folder."""
        return self._start("Undoing", jobs.undo_sort(path))

    def serve(self, port: int) -> Job:
        """Answer other programs on this computer until the job is stopped."""
        return self._start_silently(jobs.serve(self._model(), port, max_error=self.state.max_error))

    def _model(self) -> Path:
        if self.state.model is None:
            raise RuntimeError("the page offers this only with a model")
        return self.state.model
