"""List of the ways of training that a run tried within its time budget."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from engine.core.events import CandidateDone
from engine.core.formatting import duration, percent
from engine.runs.history import History
from gui.theme import GRID
from gui.widgets.labels import HeadingLabel, MutedLabel, StyledLabel

MAX_ROWS = 5
"""Largest number of candidates that are shown: the ones with the best accuracy."""
_COLUMNS = ("name", "accuracy", "time", "mark")


class CandidateList(QWidget):
    """Rows with name, validation accuracy, time and a mark at the best candidate; the reason of the choice below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = HeadingLabel("Candidates", self)
        self.heading.setToolTip("Ways of training that were tried within the time budget, by validation accuracy")
        self.reason = MutedLabel("", self)
        self.rows: list[tuple[str, str, str, str]] = []
        """Texts of the rows: name, accuracy, time and mark."""
        self._shown: tuple[object, ...] = ((), None, False)
        self._labels: list[QLabel] = []
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(3 * GRID)
        self._grid.setVerticalSpacing(GRID // 2)
        self._grid.setColumnStretch(len(_COLUMNS) - 1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.heading)
        column.addLayout(self._grid)
        column.addWidget(self.reason)
        self.hide()

    def show_history(self, history: History) -> None:
        """Show the candidates of a run; hide the list if there are none."""
        content = (tuple(history.candidates), history.race, history.done is not None)
        if content == self._shown:
            return
        self._shown = content
        self.rows = _make_rows(history)
        for label in self._labels:
            label.deleteLater()
        self._labels = []
        for number, texts in enumerate(self.rows):
            for column, text in enumerate(texts):
                self._add_cell(number, column, text, is_best=bool(texts[-1]))
        self.reason.setText(history.race.reason if history.race else "")
        self.reason.setVisible(history.race is not None)
        self.setVisible(bool(self.rows))

    def _add_cell(self, row: int, column: int, text: str, *, is_best: bool) -> None:
        kind = MutedLabel if column == len(_COLUMNS) - 1 else HeadingLabel if is_best else StyledLabel
        label = kind(text, self)
        label.setWordWrap(False)
        is_number = _COLUMNS[column] in ("accuracy", "time")
        side = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
        label.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(label, row, column)
        self._labels.append(label)


def _make_rows(history: History) -> list[tuple[str, str, str, str]]:
    candidates = history.candidates
    if not candidates:
        return []
    best = _find_best(history)
    kept = sorted(candidates, key=lambda candidate: (candidate is not best, -candidate.accuracy))[:MAX_ROWS]
    mark = "kept" if history.race else "best" if history.done else "best so far"
    return [
        (candidate.name, percent(candidate.accuracy, 1), duration(candidate.seconds), mark if candidate is best else "")
        for candidate in candidates
        if candidate in kept
    ]


def _find_best(history: History) -> CandidateDone:
    """Return the candidate that was chosen, or the one with the best accuracy so far."""
    winner = history.race.winner if history.race else None
    named = [candidate for candidate in history.candidates if candidate.name == winner]
    return named[0] if named else max(history.candidates, key=lambda candidate: candidate.accuracy)
