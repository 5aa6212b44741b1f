"""Runs page: open, compare, resume and delete runs, and reuse their settings."""

from PySide6.QtCore import QSortFilterProxyModel, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMessageBox, QPushButton, QVBoxLayout, QWidget

from engine.core.errors import EngineError
from engine.core.formatting import count
from engine.core.paths import default_runs_folder
from engine.results.comparison import compare
from engine.results.evaluation import read_evaluation
from engine.runs.history import History
from engine.runs.run_folder import Run, list_runs
from gui.models.run_model import RunModel
from gui.operations import Operations
from gui.plain_text import as_plain
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.labels import MutedLabel, TitleLabel
from gui.widgets.plots.live_plot import LivePlot
from gui.widgets.tables import make_table


class RunsPage(QWidget):
    """Shows a table of runs and the curves of the selected ones."""

    run_opened = Signal()
    settings_reused = Signal()
    resume_requested = Signal(object)
    """The Run to resume."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._runs: list[Run] = []
        self.title = TitleLabel("Runs", self)
        self.note = MutedLabel("", self)
        self.model = RunModel()
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self.model)
        self.table = make_table(self._sorted, "Runs", "Select runs to compare them (Ctrl selects several)")
        self.comparison = MutedLabel("", self)
        self.plot = LivePlot(self)
        self.open_button = self._button("Open", "Show the results of this run and use its model")
        self.resume_button = self._button("Resume", "Continue this run after its last saved step")
        self.settings_button = self._button("Reuse settings", "Use the settings of this run for the next one")
        self.delete_button = self._button("Delete…", "Move this run to the trash")
        buttons = QHBoxLayout()
        for button in (self.open_button, self.resume_button, self.settings_button, self.delete_button):
            buttons.addWidget(button)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addWidget(self.title)
        column.addWidget(self.note)
        column.addWidget(self.table, 2)
        column.addLayout(buttons)
        column.addWidget(self.comparison)
        column.addWidget(self.plot, 3)
        self._connect()
        self.refresh()

    def _button(self, text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tooltip)
        return button

    def _connect(self) -> None:
        self._state.training_changed.connect(self.refresh)
        self.table.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self.model.dataChanged.connect(self._refresh_buttons)
        self.table.doubleClicked.connect(self._on_open)
        self.open_button.clicked.connect(self._on_open)
        self.resume_button.clicked.connect(self._on_resume)
        self.settings_button.clicked.connect(self._on_reuse_settings)
        self.delete_button.clicked.connect(self._on_delete)

    def refresh(self) -> None:
        """Read the list of runs again."""
        self._runs = list_runs(default_runs_folder())
        self.model.show_runs(self._runs)
        self.note.setText(count(len(self._runs), "run"))
        self.note.setToolTip(str(default_runs_folder()))
        self._on_selection_changed()

    def selected_runs(self) -> list[Run]:
        """Return the selected runs."""
        rows = self.table.selectionModel().selectedRows()
        return [self._runs[self._sorted.mapToSource(index).row()] for index in rows]

    def _on_selection_changed(self) -> None:
        runs = self.selected_runs()
        self._refresh_buttons()
        self.comparison.setText(_comparison_text(*runs) if len(runs) == 2 else "")
        self.plot.setVisible(bool(runs))
        if runs:
            self.plot.show_history(runs[0].history, runs[0].config)
            self.plot.show_earlier_runs([run.history for run in runs[1:]] or [History()])

    def _refresh_buttons(self) -> None:
        runs = self.selected_runs()
        for button in (self.open_button, self.settings_button, self.delete_button):
            button.setEnabled(len(runs) == 1)
        record = self.model.record(runs[0]) if len(runs) == 1 else None
        self.resume_button.setEnabled(record is not None and record.can_resume and self._state.training is None)

    def showEvent(self, event: QShowEvent) -> None:
        """Read the list again, because other windows and the start page can change it."""
        super().showEvent(event)
        self.refresh()

    def _on_open(self) -> None:
        for run in self.selected_runs()[:1]:
            self._operations.runs.open(run)
            self.run_opened.emit()

    def _on_resume(self) -> None:
        for run in self.selected_runs()[:1]:
            self.resume_requested.emit(run)

    def _on_reuse_settings(self) -> None:
        for run in self.selected_runs()[:1]:
            self._operations.runs.use_settings(run)
            self.settings_reused.emit()

    def _on_delete(self) -> None:
        for run in self.selected_runs()[:1]:
            question = f"Move the run '{run.name}' with its model to the trash?"
            if QMessageBox.question(self, "Delete a run", as_plain(question)) == QMessageBox.StandardButton.Yes:
                self._operations.runs.delete(run)
                self.refresh()


def _comparison_text(first: Run, second: Run) -> str:
    try:
        comparison = compare(read_evaluation(first.results_path), read_evaluation(second.results_path))
    except EngineError:  # a run without results
        return ""
    return comparison.sentence(first.name, second.name)
