"""Export the model to a file and show its verification record."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QFileDialog, QWidget

from engine.core.errors import EngineError
from engine.core.formatting import count, size
from engine.results.export_verification import ExportOptions, ExportVerification
from gui.job import Job
from gui.operations import Operations
from gui.state import AppState
from gui.widgets.labels import MutedLabel, NoteLabel, TitleLabel
from gui.widgets.panel import Panel, chosen_key, open_externally

_FORMATS = (
    ("onnx", "ONNX", "Runs in C++, C#, Java, JavaScript and on phones. A short Python script comes with it."),
    (
        "int8",
        "ONNX int8",
        "8-bit integers, a third of the size. Not written if accuracy drops by more than 2 points.",
    ),
    ("pt2", "PyTorch", "A .pt2 file for programs that use torch (torch.export.load)."),
)
_OPTIONS = {
    "onnx": ExportOptions(),
    "int8": ExportOptions(int8=True),
    "pt2": ExportOptions(format="pt2"),
}


def _verdict(verification: ExportVerification) -> str:
    if verification.int8:
        return "Verified: accuracy kept" if verification.passed else "Not verified: accuracy drops too much"
    matches = f"{verification.num_equal:,} of {verification.num_images:,} predictions match"
    return f"{'Verified' if verification.passed else 'Not verified'}: {matches}"


class ExportPanel(Panel):
    """Exports the model in the chosen format and shows how the file compares with the model."""

    exported = Signal(object)
    """The ExportVerification."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(
            "Export model",
            "The exported file is run in a separate process on validation images, and its predictions are compared.",
            parent,
        )
        self._state, self._operations = state, operations
        self._job: Job | None = None
        self._path: Path | None = None
        self._verification: ExportVerification | None = None
        self.formats = self.add_choice(_FORMATS)
        self.normalises = QCheckBox("Include normalisation (input RGB 0\N{EN DASH}255)", self)
        self.normalises.setChecked(True)
        self.normalises.setToolTip("If off, the program that uses the file must normalise the pixels itself.")
        self.column.addWidget(self.normalises)
        self.export_button = self.make_button("Export…", "Choose a file name and export the model", "accent")
        self.add_row(self.export_button)
        self.verdict = TitleLabel("", self)
        self.details = MutedLabel("", self)
        self.notes = NoteLabel("", self)
        self.show_button = self.make_button("Show in folder", "Open the folder of the exported file", "flat")
        self.copy_button = self.make_button("Copy verification", "Copy the verification record as JSON", "flat")
        for widget in (self.verdict, self.details, self.notes):
            self.column.addWidget(widget)
        self.add_row(self.show_button, self.copy_button)
        self.export_button.clicked.connect(self._on_export)
        self.show_button.clicked.connect(lambda: open_externally(str(self._path.parent)) if self._path else None)
        self.copy_button.clicked.connect(self._on_copy)
        state.model_changed.connect(self._clear)
        self._clear()

    def options(self) -> ExportOptions:
        """Return the chosen options."""
        chosen = _OPTIONS[chosen_key(self.formats)]
        return chosen.model_copy(update={"normalises": self.normalises.isChecked()})

    def export_to(self, path: Path) -> Job:
        """Export the model to `path`."""
        self._clear()
        self._job = self._operations.delivery.export(path, self.options())
        self._job.succeeded.connect(lambda verification: self.show_verification(verification, path))
        self._job.failed.connect(self._on_failed)
        self._job.finished.connect(self._on_finished)
        self.export_button.setEnabled(False)
        return self._job

    def show_verification(self, verification: ExportVerification | None, path: Path) -> None:
        """Show the verification record of the file at `path`, if there is one."""
        if verification is None:
            return
        self._path, self._verification = path, verification
        self.verdict.setText(_verdict(verification))
        lines = [
            verification.sentence(),
            f"{path.name} in {path.parent.name}, {size(verification.num_bytes / 1e6)}, run by {verification.runtime}",
        ]
        if verification.script_num_images is not None:
            matches = f"{verification.script_num_equal:,} of {count(verification.script_num_images, 'image file')}"
            lines.append(f"predict.py matches on {matches}")
        self.details.setText("\n".join(lines))
        self.notes.setText("\n".join(verification.notes))
        self._show(True)
        self.notes.setVisible(bool(self.notes.text()))
        self.exported.emit(verification)

    def _on_export(self) -> None:
        options = self.options()
        ending = f".{options.format}"
        folder = self._state.model.parent if self._state.model else Path()
        proposal = folder / f"model{'-int8' if options.int8 else ''}{ending}"
        name, _ = QFileDialog.getSaveFileName(self, "Export the model", str(proposal), f"Models (*{ending})")
        if name:
            path = Path(name)
            self.export_to(path if path.suffix.lower() == ending else path.with_name(path.name + ending))

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, EngineError) and error.path is not None:
            path = Path(error.path)
            job = self._operations.delivery.read_verification(path)
            job.succeeded.connect(lambda verification: self.show_verification(verification, path))

    def _on_finished(self) -> None:
        self._job = None
        self.export_button.setEnabled(True)

    def _on_copy(self) -> None:
        if self._verification is not None:
            QGuiApplication.clipboard().setText(self._verification.model_dump_json(indent=2))
            self.copy_button.setText("Copied")

    def _clear(self) -> None:
        self._path = None
        self.copy_button.setText("Copy verification")
        self._show(False)

    def _show(self, is_visible: bool) -> None:
        for widget in (self.verdict, self.details, self.notes, self.show_button, self.copy_button):
            widget.setVisible(is_visible)
