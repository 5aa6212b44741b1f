"""Write the model for other programs, and show how well the file agrees."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QFileDialog, QWidget

from engine.core.errors import EngineError
from engine.core.formatting import count, size
from engine.results.export_verification import ExportOptions, ExportVerification, read_verification, verification_path
from gui.job import Job
from gui.operations import Operations
from gui.state import AppState
from gui.widgets.labels import MutedLabel, NoteLabel, TitleLabel
from gui.widgets.panel import Panel, chosen_key, open_externally

_FORMATS = (
    ("onnx", "ONNX", "Runs nearly everywhere: C++, C#, Java, JavaScript, phones. A short Python script comes with it."),
    (
        "int8",
        "ONNX, small and fast",
        "8-bit integers, a third of the size. Refused where it costs over 2 % of accuracy.",
    ),
    ("pt2", "PyTorch", "A .pt2 file for programs that use torch (torch.export.load)."),
)
_OPTIONS = {
    "onnx": ExportOptions(),
    "int8": ExportOptions(int8=True),
    "pt2": ExportOptions(format="pt2"),
}


def _verdict(certificate: ExportVerification) -> str:
    if certificate.int8:
        return "It keeps its accuracy" if certificate.passed else "It loses too much accuracy"
    return f"It {'answers' if certificate.passed else 'does not answer'} as Classifold does"


class ExportPanel(Panel):
    """Asks for a kind of file and a place, has it written and proved, and shows the certificate."""

    exported = Signal(object)
    """A ExportVerification."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(
            "A file for other programs",
            "The file is run in a process of its own on validation images, and its answers compared with those here.",
            parent,
        )
        self._state, self._operations = state, operations
        self._job: Job | None = None
        self._path: Path | None = None
        self.formats = self.add_choice(_FORMATS)
        self.normalises = QCheckBox("It takes pixels as they are, from 0 to 255", self)
        self.normalises.setChecked(True)
        self.normalises.setToolTip("Off: the program that uses the file has to normalise the pixels before.")
        self.column.addWidget(self.normalises)
        self.export_button = self.make_button("Export…", "Choose where the file goes, and write it", "accent")
        self.add_row(self.export_button)
        self.verdict = TitleLabel("", self)
        self.details = MutedLabel("", self)
        self.notes = NoteLabel("", self)
        self.show_button = self.make_button("Show in folder", "Open the folder that the file lies in", "flat")
        self.copy_button = self.make_button("Copy certificate", "Copy all figures of the certificate", "flat")
        for widget in (self.verdict, self.details, self.notes):
            self.column.addWidget(widget)
        self.add_row(self.show_button, self.copy_button)
        self.export_button.clicked.connect(self._on_export)
        self.show_button.clicked.connect(lambda: open_externally(str(self._path.parent)) if self._path else None)
        self.copy_button.clicked.connect(self._on_copy)
        state.model_changed.connect(self._forget)
        self._forget()

    def options(self) -> ExportOptions:
        """Return what the user has chosen."""
        chosen = _OPTIONS[chosen_key(self.formats)]
        return chosen.model_copy(update={"normalises": self.normalises.isChecked()})

    def export_to(self, path: Path) -> Job:
        """Write the file to `path`."""
        self._forget()
        self._job = self._operations.delivery.export(path, self.options())
        self._job.succeeded.connect(lambda certificate: self.show_certificate(certificate, path))
        self._job.failed.connect(self._on_failed)
        self._job.finished.connect(self._on_finished)
        self.export_button.setEnabled(False)
        return self._job

    def show_certificate(self, certificate: ExportVerification, path: Path) -> None:
        """Show how the file at `path` compares with the program."""
        self._path = path
        self.verdict.setText(_verdict(certificate))
        lines = [
            certificate.sentence(),
            f"{path.name} in {path.parent.name}, {size(certificate.num_bytes / 1e6)}, run by {certificate.runtime}",
        ]
        if certificate.script_num_images is not None:
            same = f"{certificate.script_num_equal:,} of {count(certificate.script_num_images, 'image file')}"
            lines.append(f"predict.py gave the class of the file for {same}")
        self.details.setText("\n".join(lines))
        self.notes.setText("\n".join(certificate.notes))
        self._show(True)
        self.notes.setVisible(bool(self.notes.text()))
        self.exported.emit(certificate)

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
        if isinstance(error, EngineError) and error.path is not None and verification_path(Path(error.path)).is_file():
            path = Path(error.path)
            self.show_certificate(read_verification(path), path)

    def _on_finished(self) -> None:
        self._job = None
        self.export_button.setEnabled(True)

    def _on_copy(self) -> None:
        if self._path is not None:
            QGuiApplication.clipboard().setText(read_verification(self._path).model_dump_json(indent=2))
            self.copy_button.setText("Copied")

    def _forget(self) -> None:
        self._path = None
        self.copy_button.setText("Copy certificate")
        self._show(False)

    def _show(self, is_there: bool) -> None:
        for widget in (self.verdict, self.details, self.notes, self.show_button, self.copy_button):
            widget.setVisible(is_there)
