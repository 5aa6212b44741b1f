"""How the model of a run does where pictures are worse than those it learnt from."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QScrollArea, QToolButton, QVBoxLayout, QWidget

from engine.core.errors import EngineError
from engine.core.formatting import count, percent
from engine.data.decode import thumbnail
from engine.results.robustness import CORRUPTION_NAMES, CorruptionKind, RobustnessReport, Trial, read_robustness
from gui.decoder import Decoder
from gui.job import Job
from gui.models.image_model import GridItem
from gui.operations import Operations
from gui.plain_text import as_plain
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.images.image_view import ImageViewer
from gui.widgets.labels import HeadingLabel, MutedLabel, StyledLabel
from gui.widgets.plots.level_bars import LevelBars

_THUMBNAIL = 56


class RobustnessPanel(QWidget):
    """A button that measures, or the card that lies in the run folder: a row for each kind of change."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._card: RobustnessReport | None = None
        self._job: Job | None = None
        self._body: QWidget | None = None
        self._buttons: dict[Path, list[QToolButton]] = {}
        self._broken: list[GridItem] = []
        self._decoder = Decoder(partial(thumbnail, side=2 * _THUMBNAIL), num_threads=1, max_waiting=16, parent=self)
        self._decoder.decoded.connect(self._on_decoded)
        self.sentence = HeadingLabel("", self)
        self.note = MutedLabel("", self)
        self.button = QPushButton("", self)
        self.button.setToolTip("Change up to 100 validation images in seven ways at three strengths, and classify them")
        self.button.clicked.connect(self._on_measure)
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._area.setAccessibleName("Accuracy on changed images")
        self._lay_out()
        self.viewer = ImageViewer(self)
        state.run_changed.connect(self._on_run_changed)
        self._on_run_changed()

    @property
    def card(self) -> RobustnessReport | None:
        """The card shown."""
        return self._card

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(GRID // 2)
        words.addWidget(self.sentence)
        words.addWidget(self.note)
        head = QHBoxLayout()
        head.addLayout(words, 1)
        head.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self._area, 1)

    def _on_run_changed(self) -> None:
        run = self._state.run
        self._card = None
        message = ""
        if run is not None and run.robustness_path.is_file():
            try:
                self._card = read_robustness(run.robustness_path)
            except EngineError as error:
                message = error.message
        self.button.setEnabled(self._job is None and run is not None and run.model_path.is_file())
        self._show(message)

    def _show(self, message: str) -> None:
        card = self._card
        self._buttons, self._broken = {}, []
        self._area.setVisible(card is not None)
        if card is None:
            self.button.setText("Measure (about 15 s)")
            self.sentence.setText(message or "How well does it do on worse pictures?")
            self.note.setText(
                "Turned, blurred, noisy, dark, bright, compressed and small ones have not been tried yet."
            )
            return
        self.button.setText("Measure again")
        self.sentence.setText(worst_in_words(card))
        self.note.setText(
            f"Measured on {count(card.num_images, 'image')} drawn from validation, {percent(card.accuracy)} of them "
            "right as they are. Beside each change stands the image that it breaks first."
        )
        self._body = QWidget(self)
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, GRID, 0)
        grid.setHorizontalSpacing(2 * GRID)
        grid.setVerticalSpacing(GRID)
        grid.setColumnStretch(1, 3)
        grid.setColumnStretch(3, 2)
        for row, kind in enumerate(card.kinds):
            self._add_row(grid, row, card, kind)
        grid.setRowStretch(len(card.kinds), 1)
        self._area.setWidget(self._body)

    def _add_row(self, grid: QGridLayout, row: int, card: RobustnessReport, kind: CorruptionKind) -> None:
        levels = [(trial.words, trial.accuracy) for trial in card.of_kind(kind)]
        label = StyledLabel(CORRUPTION_NAMES[kind], self._body)
        label.setMinimumWidth(12 * GRID)
        grid.addWidget(label, row, 0)
        grid.addWidget(LevelBars(levels, card.accuracy, self._body), row, 1)
        trial = card.first_failure(kind)
        words = MutedLabel(broken_in_words(trial) if trial else "No image breaks.", self._body)
        words.setMinimumWidth(20 * GRID)
        if trial is not None:
            grid.addWidget(self._picture(Path(card.root), trial), row, 2)
        grid.addWidget(words, row, 3)

    def _picture(self, root: Path, trial: Trial) -> QToolButton:
        assert trial.broken is not None
        path, place = root / trial.broken.path, len(self._broken)
        self._broken.append(GridItem(path, broken_in_words(trial), trial.broken.path))
        button = QToolButton(self._body)
        button.setAutoRaise(True)
        button.setIconSize(QSize(_THUMBNAIL, _THUMBNAIL))
        button.setFixedSize(_THUMBNAIL + GRID, _THUMBNAIL + GRID)
        button.setToolTip(as_plain(f"{trial.broken.path}\nClick to see it large, as it is"))
        button.setAccessibleName(broken_in_words(trial))
        button.clicked.connect(lambda: self.viewer.show_item(self._broken, place))
        self._buttons.setdefault(path, []).append(button)
        self._decoder.request(path)
        return button

    def _on_decoded(self, path: Path, image: QImage) -> None:
        for button in self._buttons.get(path, ()):
            button.setIcon(QIcon(QPixmap.fromImage(image)))

    def _on_measure(self) -> None:
        run = self._state.run
        if run is None:
            return
        self.button.setEnabled(False)
        self._job = self._operations.runs.measure_robustness(run)
        self._job.finished.connect(self._on_measured)

    def _on_measured(self) -> None:
        self._job = None
        self._on_run_changed()


def worst_in_words(card: RobustnessReport) -> str:
    """Return the sentence about the change that costs most."""
    worst = card.worst
    if worst is None:
        return "No change costs it anything."
    return f"Most sensitive to {worst.words}: {percent(card.accuracy)} to {percent(worst.accuracy)}"


def broken_in_words(trial: Trial) -> str:
    """Say what becomes of the image that breaks."""
    broken = trial.broken
    if broken is None:
        return "No image breaks."
    return f"{broken.label} → {broken.predicted}, {trial.words}"
