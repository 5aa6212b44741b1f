"""Button that saves the report of the shown run as one HTML file."""

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from engine.runs.run_folder import Run
from gui.job import Job
from gui.operations import Operations
from gui.plain_text import as_button_text, as_plain
from gui.state import AppState
from gui.theme import GRID


class ReportPanel(QWidget):
    """Saves the report under a chosen name and then offers to open it."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._job: Job | None = None
        self._path: Path | None = None
        self.save_button = QPushButton("Save report…", self)
        self.save_button.setToolTip(
            "Save all figures, charts and examples of this run in one HTML file for any browser.\n"
            "Missing evaluations are computed first, which takes some seconds to a minute."
        )
        self.open_button = QPushButton("", self)
        self.open_button.setProperty("flat", True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self.open_button, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.save_button, 0, Qt.AlignmentFlag.AlignTop)
        self.save_button.clicked.connect(self._on_save)
        self.open_button.clicked.connect(self._on_open)
        state.run_changed.connect(self._on_run_changed)
        state.training_changed.connect(self._refresh)
        self._on_run_changed()

    def _on_run_changed(self) -> None:
        self._path = None
        self._refresh()

    def _refresh(self) -> None:
        run = self._state.run
        has_results = run is not None and run.results_path.is_file() and run.model_path.is_file()
        self.setVisible(has_results)
        self.save_button.setEnabled(self._job is None and self._state.training is None)
        self.open_button.setVisible(self._path is not None)
        if self._path is not None:
            self.open_button.setText(as_button_text(f"Open {self._path.name}"))
            self.open_button.setToolTip(as_plain(f"The report was saved to {self._path}"))

    def _on_save(self) -> None:
        run = self._state.run
        if run is None:
            return
        name, _ = QFileDialog.getSaveFileName(self, "Save report", f"{run.name}.html", "Web pages (*.html)")
        if name:
            self._job = self._operations.runs.report(run, Path(name))
            self._job.succeeded.connect(lambda path: self._on_written(run, path))
            self._job.finished.connect(self._on_finished)
            self._refresh()

    def _on_written(self, run: Run, path: Path) -> None:
        if self._state.run == run:
            self._path = path

    def _on_finished(self) -> None:
        self._job = None
        self._refresh()

    def _on_open(self) -> None:
        if self._path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._path)))
