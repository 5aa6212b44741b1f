"""Sort a folder of images by prediction, and undo it."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from engine.core.formatting import count
from engine.sorting.file_transfer import TransferMode
from engine.sorting.sorter import SortResult, default_target
from engine.sorting.undo import UndoResult
from gui.job import Job
from gui.operations import Operations
from gui.state import AppState
from gui.widgets.inputs.error_limit_box import ErrorLimitBox
from gui.widgets.labels import MutedLabel, NoteLabel
from gui.widgets.panel import Panel, chosen_key, open_externally

_MODES: tuple[tuple[TransferMode, str, str], ...] = (
    ("copy", "Copy", "Originals stay."),
    ("move", "Move", "Originals are moved. Undo restores each with its name."),
    ("link", "Link", "Originals stay. The links to them need no additional space."),
)


class SortPanel(Panel):
    """Sorts a chosen folder and shows the number of images per class folder."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(
            "Sort a folder of images",
            "Each image goes to the folder of its predicted class, in a new folder next to the chosen one. "
            'Unsure images go to a folder "review", or "_review" if a class is called so.',
            parent,
        )
        self._operations = operations
        self._target: Path | None = None
        self.modes = self.add_choice(_MODES)
        self.sort_button = self.make_button("Choose a folder and sort…", "Choose the folder of images to sort")
        self.error_limit_box = ErrorLimitBox(state, self)
        self.add_row(self.error_limit_box)
        self.add_row(self.sort_button)
        self.result = MutedLabel("", self)
        self.skipped = NoteLabel("", self)
        self.show_button = self.make_button("Show in folder", "Open the folder of sorted images", "flat")
        self.undo_button = self.make_button("Undo", "Restore every image with its name", "flat")
        self.column.addWidget(self.result)
        self.column.addWidget(self.skipped)
        self.add_row(self.show_button, self.undo_button)
        self.sort_button.clicked.connect(self._on_sort)
        self.show_button.clicked.connect(lambda: open_externally(str(self._target)) if self._target else None)
        self.undo_button.clicked.connect(self.undo)
        self._show_result("", ())

    def mode(self) -> TransferMode:
        """Return the chosen transfer mode."""
        key = chosen_key(self.modes)
        return next(mode for mode, _, _ in _MODES if mode == key)

    def sort(self, folder: Path) -> Job:
        """Sort the images of a folder."""
        self._target = default_target(folder)
        self._show_result("", ())
        job = self._operations.delivery.sort(folder, self._target, self.mode())
        job.succeeded.connect(self._on_sorted)
        job.stopped.connect(lambda: self._show_result("Stopped before the end.", ()))
        job.failed.connect(lambda _: self._show_result("", ()))
        self._disable_buttons_during(job)
        return job

    def undo(self) -> Job | None:
        """Undo the last sorting."""
        if self._target is None:
            return None
        job = self._operations.delivery.undo_sort(self._target)
        job.succeeded.connect(self._on_undone)
        self._disable_buttons_during(job)
        return job

    def _disable_buttons_during(self, job: Job) -> None:
        for button in (self.sort_button, self.undo_button):
            button.setEnabled(False)
            job.finished.connect(lambda button=button: button.setEnabled(True))

    def _on_sort(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Choose a folder of images to sort")
        if name:
            self.sort(Path(name))

    def _on_sorted(self, result: SortResult) -> None:
        folders = ", ".join(
            f"{name}{' (to check)' if name == result.review_folder else ''} {num:,}"
            for name, num in sorted(result.num_per_folder.items())
        )
        message = f"{count(result.num_sorted, 'image')} sorted into {result.target.name}: {folders}."
        self._show_result(message if result.num_sorted else "No image could be sorted.", result.skipped)

    def _on_undone(self, result: UndoResult) -> None:
        if not result.skipped:
            self._target = None
        self._show_result(f"{count(result.num_restored, 'image')} restored.", result.skipped)

    def _show_result(self, message: str, skipped: tuple[tuple[str, str], ...]) -> None:
        lines = [f"{path}: {reason}" for path, reason in skipped[:3]] + (
            [f"and {len(skipped) - 3} more"] if len(skipped) > 3 else []
        )
        self.result.setText(message)
        self.skipped.setText("Not sorted:\n" + "\n".join(lines) if lines else "")
        self.result.setVisible(bool(message))
        self.skipped.setVisible(bool(lines))
        has_target = self._target is not None and self._target.is_dir()
        self.show_button.setVisible(has_target)
        self.undo_button.setVisible(has_target)
