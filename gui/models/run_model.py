"""Table model of the runs of a folder, filled while the runs are being read."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Qt

from engine.runs.run_folder import Run
from gui.models.run_record import RunRecord
from gui.models.table_model import Index, TableModel
from gui.plain_text import as_plain

SORT_ROLE = Qt.ItemDataRole.UserRole
RUN_ROLE = Qt.ItemDataRole.UserRole + 1

_COLUMNS = (
    ("Run", "Name of the run folder."),
    ("Started", "Start time."),
    ("Backbone", "Architecture of the model."),
    ("Images", "Number of training and validation images."),
    ("Epochs", "Number of finished epochs."),
    ("Best accuracy", "Validation accuracy of the best epoch, with its 95 % confidence interval."),
    ("Time", "Training time."),
    ("Status", "State of the run: running, done, stopped, interrupted or failed."),
)
_ACCURACY_COLUMN = 5

_ROLES = frozenset(
    (
        Qt.ItemDataRole.DisplayRole,
        Qt.ItemDataRole.TextAlignmentRole,
        Qt.ItemDataRole.ToolTipRole,
        SORT_ROLE,
        RUN_ROLE,
    )
)


class RunModel(TableModel):
    """Table model with one row per run, the latest first. The cells of a run that has not been read yet are empty."""

    columns = _COLUMNS
    numeric_columns = frozenset({3, 4, 5, 6})

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs: list[Run] = []
        self._row_of: dict[Run, int] = {}
        self._records: dict[Run, RunRecord] = {}

    @property
    def runs(self) -> Sequence[Run]:
        """The runs in the order of the rows."""
        return self._runs

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show these runs. Runs that were shown before keep their cells until they have been read again."""
        if list(runs) != self._runs:
            self.beginResetModel()
            self._runs = list(runs)
            self._row_of = {run: row for row, run in enumerate(runs)}
            self._records = {run: self._records[run] for run in runs if run in self._records}
            self.endResetModel()

    def record(self, run: Run) -> RunRecord | None:
        """Return the record of a run, or None if it has not been read yet."""
        return self._records.get(run)

    def show_records(self, records: Sequence[RunRecord]) -> None:
        """Fill the cells of some runs."""
        changed = [record for record in records if self._records.get(record.run) is not record]
        rows = [self._row_of[record.run] for record in changed if record.run in self._row_of]
        self._records.update((record.run, record) for record in changed)
        if rows:
            self.dataChanged.emit(self.index(min(rows), 0), self.index(max(rows), len(_COLUMNS) - 1))

    def num_rows(self) -> int:
        """Return the number of rows."""
        return len(self._runs)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the data of a cell for a role."""
        if role not in _ROLES or not index.isValid():  # most calls are for fonts and colours
            return None
        run = self._runs[index.row()]
        record = self._records.get(run)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return run.name if index.column() == 0 else record.cells[index.column() - 1] if record else ""
            case Qt.ItemDataRole.TextAlignmentRole:
                return self.alignment(index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return _tooltip(run, record, index.column())
        if role == SORT_ROLE:
            return run.name.lower() if index.column() == 0 else _sort_key(record, index.column()) if record else None
        return run if role == RUN_ROLE else None


def _tooltip(run: Run, record: RunRecord | None, column: int) -> str | None:
    if column == 0:
        return as_plain(str(run.path))
    headline = record.history.headline if record is not None and column == _ACCURACY_COLUMN else None
    return as_plain("\n".join(headline.caveats())) if headline is not None and headline.caveats() else None


def _sort_key(record: RunRecord, column: int) -> Any:
    match column:
        case 1:
            return record.started.timestamp() if record.started else 0.0
        case 3:
            return record.num_images or 0
        case 4:
            return record.num_epochs
        case 5:
            return record.best.accuracy if record.best else -1.0
        case 6:
            return record.seconds or 0.0
    return record.cells[column - 1]
