"""Runs page: open, compare, resume and delete runs, and reuse their settings."""

from PySide6.QtCore import QSortFilterProxyModel, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMessageBox, QPushButton, QVBoxLayout, QWidget

from engine.config.settings import RunConfig
from engine.core.formatting import count
from engine.core.paths import default_runs_folder
from engine.runs.history import History
from engine.runs.run_folder import Run
from gui.job import Job
from gui.latest_job import LatestJob
from gui.models.run_model import RunModel
from gui.models.run_record import RecordCache, RunRecord
from gui.operations import Operations
from gui.plain_text import as_plain
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.labels import MutedLabel, TitleLabel
from gui.widgets.plots.live_plot import LivePlot
from gui.widgets.tables import make_table

_MAX_CURVES = 10
"""More curves in one chart cannot be distinguished."""


class RunsPage(QWidget):
    """Shows a table of runs and the curves of the selected ones."""

    run_opened = Signal()
    settings_reused = Signal()
    resume_requested = Signal(object)
    """The Run to resume."""
    images_requested = Signal(object)
    """The Run whose images the user wants to find."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._cache = RecordCache()
        self._reading, self._comparing = LatestJob(), LatestJob()
        self._shown: list[RunRecord] = []
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
        self.find_button = self._button("Find images…", "Choose the folder that the images of this run are in now")
        self.delete_button = self._button("Delete…", "Move this run to the trash")
        buttons = QHBoxLayout()
        for button in (
            self.open_button,
            self.resume_button,
            self.settings_button,
            self.find_button,
            self.delete_button,
        ):
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
        self.note.setToolTip(str(default_runs_folder()))
        self._connect()
        self._on_selection_changed()

    def _button(self, text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tooltip)
        return button

    def _connect(self) -> None:
        self._state.training_changed.connect(self.refresh)
        self.table.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self.model.dataChanged.connect(self._on_record_changed)
        self.table.doubleClicked.connect(self._on_open)
        self.open_button.clicked.connect(self._on_open)
        self.resume_button.clicked.connect(self._on_resume)
        self.settings_button.clicked.connect(self._on_reuse_settings)
        self.find_button.clicked.connect(self._on_find_images)
        self.delete_button.clicked.connect(self._on_delete)

    def refresh(self) -> None:
        """Read the list of runs again."""
        self._reading.request(self._start_reading, lambda _: None)

    def _start_reading(self) -> Job:
        job = self._operations.runs.read_all(self._cache)
        job.events_received.connect(self._on_read)
        return job

    def _on_read(self, events: list[list[Run] | RunRecord]) -> None:
        for event in events:
            if not isinstance(event, RunRecord):
                self.model.show_runs(event)
                self.note.setText(count(len(event), "run"))
                self._on_selection_changed()
        self.model.show_records([event for event in events if isinstance(event, RunRecord)])

    def is_reading(self) -> bool:
        """Return whether runs are still being read."""
        return self._reading.is_awaited

    def selected_runs(self) -> list[Run]:
        """Return the selected runs."""
        selection = self.table.selectionModel().selection()  # selectedRows() visits every cell
        parts = [selection.at(number) for number in range(selection.size())]
        rows = (row for part in parts for row in range(part.top(), part.bottom() + 1))
        return [self.model.runs[self._sorted.mapToSource(self._sorted.index(row, 0)).row()] for row in rows]

    def _on_selection_changed(self) -> None:
        runs = self.selected_runs()
        self._refresh_buttons()
        self.comparison.setText("")
        self._comparing.discard()
        if len(runs) == 2:
            self._comparing.request(lambda: self._operations.runs.compare(*runs), self.comparison.setText)
        self._show_curves()

    def _show_curves(self) -> None:
        runs = self.selected_runs()[:_MAX_CURVES]
        records = [record for record in map(self.model.record, runs) if record is not None]
        self.plot.setVisible(bool(runs))
        if not records or records[0].run != runs[0] or records == self._shown:
            return
        self._shown = records
        self.plot.show_history(records[0].history, records[0].config or RunConfig())
        self.plot.show_earlier_runs([record.history for record in records[1:]] or [History()])

    def _on_record_changed(self) -> None:
        self._refresh_buttons()
        self._show_curves()

    def _refresh_buttons(self) -> None:
        runs = self.selected_runs()
        for button in (self.open_button, self.settings_button, self.find_button, self.delete_button):
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

    def _on_find_images(self) -> None:
        for run in self.selected_runs()[:1]:
            self.images_requested.emit(run)

    def _on_reuse_settings(self) -> None:
        for run in self.selected_runs()[:1]:
            self._operations.runs.use_settings(run).succeeded.connect(lambda _: self.settings_reused.emit())

    def _on_delete(self) -> None:
        for run in self.selected_runs()[:1]:
            question = f"Move the run '{run.name}' with its model to the trash?"
            if QMessageBox.question(self, "Delete a run", as_plain(question)) == QMessageBox.StandardButton.Yes:
                self._operations.runs.delete(run).succeeded.connect(lambda _: self.refresh())
