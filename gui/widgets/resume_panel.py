"""List of interrupted trainings, which can be resumed or dismissed."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engine.core.formatting import count
from engine.runs.run_folder import Run
from gui.formatting import interruption_text
from gui.models.run_record import RunRecord
from gui.plain_text import as_plain
from gui.theme import GRID
from gui.widgets.labels import MutedLabel

_MAX_ROWS = 3


class ResumePanel(QFrame):
    """List of at most three interrupted runs, hidden if there are none."""

    resume_requested = Signal(object)
    """Emitted with the Run to resume."""
    dismiss_requested = Signal(object)
    """Emitted with the Run that is not to be offered again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ResumePanel")
        self.setAccessibleName("Interrupted trainings")
        self._records: list[RunRecord] = []
        self._rows: list[QWidget] = []
        self.more = MutedLabel("", self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        self._column.setSpacing(GRID // 2)
        self._column.addWidget(self.more)
        self.hide()

    def show_records(self, records: Sequence[RunRecord]) -> None:
        """Show these runs, the latest first."""
        self._records = list(records)
        for row in self._rows:
            self._column.removeWidget(row)
            row.deleteLater()
        self._rows = [self._build_row(record) for record in self._records[:_MAX_ROWS]]
        for index, row in enumerate(self._rows):
            self._column.insertWidget(index, row)
        num_more = len(self._records) - len(self._rows)
        self.more.setText(f"and {count(num_more, 'more', 'more')} on the Runs page")
        self.more.setVisible(num_more > 0)
        self.setVisible(bool(self._records))

    def remove(self, run: Run) -> None:
        """Remove a run from the list."""
        self.show_records([record for record in self._records if record.run != run])

    def _build_row(self, record: RunRecord) -> QWidget:
        row = QWidget(self)
        label = QLabel(interruption_text(record.run.name, record.history, record.config), row)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setToolTip(as_plain(str(record.run.path)))
        resume = QPushButton("Resume", row)
        resume.setToolTip("Continue this training where it was interrupted")
        resume.setAccessibleName(f"Resume {record.run.name}")
        resume.clicked.connect(lambda: self.resume_requested.emit(record.run))
        dismiss = QPushButton("Dismiss", row)
        dismiss.setProperty("flat", True)
        dismiss.setToolTip("Remove this training from the list. The run stays on the Runs page.")
        dismiss.setAccessibleName(f"Dismiss {record.run.name}")
        dismiss.clicked.connect(lambda: self.dismiss_requested.emit(record.run))
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GRID)
        line.addWidget(label, 1)
        line.addWidget(resume)
        line.addWidget(dismiss)
        return row
