"""Sort a folder of images by what the model says, and take that back."""

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

_WAYS: tuple[tuple[TransferMode, str, str], ...] = (
    ("copy", "Copy", "The images stay where they are too."),
    ("move", "Move", "The images go from their folder. Undo brings each back to its place and name."),
    ("link", "Link", "A second name for the same image, which takes no space."),
)


class SortPanel(Panel):
    """Asks for a folder and a way, and shows what went where."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(
            "Sort a folder of images",
            "Each image goes into a folder of its class, in a new folder beside the chosen one. What the model is not "
            "sure of goes into review.",
            parent,
        )
        self._operations = operations
        self._target: Path | None = None
        self.ways = self.add_choice(_WAYS)
        self.sort_button = self.make_button("Choose a folder and sort…", "Choose the folder of images to sort")
        self.budget = ErrorLimitBox(state, self)
        self.add_row(self.budget)
        self.add_row(self.sort_button)
        self.result = MutedLabel("", self)
        self.left = NoteLabel("", self)
        self.show_button = self.make_button("Show in folder", "Open the folder of sorted images", "flat")
        self.undo_button = self.make_button("Undo", "Give every image its place and name again", "flat")
        self.column.addWidget(self.result)
        self.column.addWidget(self.left)
        self.add_row(self.show_button, self.undo_button)
        self.sort_button.clicked.connect(self._on_sort)
        self.show_button.clicked.connect(lambda: open_externally(str(self._target)) if self._target else None)
        self.undo_button.clicked.connect(self.undo)
        self._show_end("", ())

    def way(self) -> TransferMode:
        """Return what the user has chosen."""
        key = chosen_key(self.ways)
        return next(way for way, _, _ in _WAYS if way == key)

    def sort(self, folder: Path) -> Job:
        """Sort the images of a folder."""
        self._target = default_target(folder)
        self._show_end("", ())
        job = self._operations.delivery.sort(folder, self._target, self.way())
        job.succeeded.connect(self._on_sorted)
        job.stopped.connect(lambda: self._show_end("Stopped half-way.", ()))
        job.failed.connect(lambda _: self._show_end("", ()))
        self._follow(job)
        return job

    def undo(self) -> Job | None:
        """Take back what was sorted last."""
        if self._target is None:
            return None
        job = self._operations.delivery.undo_sort(self._target)
        job.succeeded.connect(self._on_undone)
        self._follow(job)
        return job

    def _follow(self, job: Job) -> None:
        for button in (self.sort_button, self.undo_button):
            button.setEnabled(False)
            job.finished.connect(lambda button=button: button.setEnabled(True))

    def _on_sort(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Choose a folder of images to sort")
        if name:
            self.sort(Path(name))

    def _on_sorted(self, result: SortResult) -> None:
        folders = ", ".join(f"{name} {num:,}" for name, num in sorted(result.num_per_folder.items()))
        words = f"{count(result.num_sorted, 'image')} sorted into {result.target.name}: {folders}."
        self._show_end(words if result.num_sorted else "Nothing could be sorted.", result.skipped)

    def _on_undone(self, result: UndoResult) -> None:
        if not result.skipped:
            self._target = None
        self._show_end(f"{count(result.num_restored, 'image')} taken back.", result.skipped)

    def _show_end(self, words: str, left: tuple[tuple[str, str], ...]) -> None:
        lines = [f"{path}: {reason}" for path, reason in left[:3]] + (
            [f"and {len(left) - 3} more"] if len(left) > 3 else []
        )
        self.result.setText(words)
        self.left.setText("Left where they are:\n" + "\n".join(lines) if lines else "")
        self.result.setVisible(bool(words))
        self.left.setVisible(bool(lines))
        is_there = self._target is not None and self._target.is_dir()
        self.show_button.setVisible(is_there)
        self.undo_button.setVisible(is_there)
