"""Robustness of the model of a run to degraded images."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QScrollArea, QToolButton, QVBoxLayout, QWidget

from engine.core.errors import EngineError
from engine.core.formatting import count, percent
from engine.results.robustness import CORRUPTION_NAMES, CorruptionKind, RobustnessReport, Trial, read_robustness
from engine.runs.run_folder import Run
from gui.decoder import Decoder, thumbnail_reader
from gui.job import Job
from gui.latest_job import LatestJob
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
    """Shows the robustness report of the run with one row per corruption, or a button that computes it."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._report: RobustnessReport | None = None
        self._job: Job | None = None
        self._reading = LatestJob()
        self._body: QWidget | None = None
        self._buttons: dict[Path, list[QToolButton]] = {}
        self._broken: list[GridItem] = []
        self._decoder = Decoder(thumbnail_reader(2 * _THUMBNAIL), num_threads=1, max_waiting=16, parent=self)
        self._decoder.decoded.connect(self._on_decoded)
        self.summary = HeadingLabel("", self)
        self.note = MutedLabel("", self)
        self.button = QPushButton("", self)
        self.button.setToolTip("Classify up to 100 validation images with seven corruptions at three levels each")
        self.button.clicked.connect(self._on_measure)
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._area.setAccessibleName("Accuracy on corrupted images")
        self._lay_out()
        self.viewer = ImageViewer(self)
        state.run_changed.connect(self._on_run_changed)
        self._on_run_changed()

    @property
    def report(self) -> RobustnessReport | None:
        """The shown report."""
        return self._report

    def _lay_out(self) -> None:
        titles = QVBoxLayout()
        titles.setSpacing(GRID // 2)
        titles.addWidget(self.summary)
        titles.addWidget(self.note)
        head = QHBoxLayout()
        head.addLayout(titles, 1)
        head.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self._area, 1)

    def _on_run_changed(self) -> None:
        run = self._state.run
        self.button.setEnabled(self._job is None and run is not None and run.model_path.is_file())
        if run is None:
            self._reading.discard()
            self._show_read(None)
        else:
            self._reading.request(lambda: self._operations.runs.load(partial(_read_report, run)), self._show_read)

    def _show_read(self, report: RobustnessReport | EngineError | None) -> None:
        self._report = report if isinstance(report, RobustnessReport) else None
        self._show(report.message if isinstance(report, EngineError) else "")

    def _show(self, message: str) -> None:
        report = self._report
        self._buttons, self._broken = {}, []
        self._area.setVisible(report is not None)
        if report is None:
            self.button.setText("Measure (about 15 s)")
            self.summary.setText(message or "How robust is it to poor images?")
            self.note.setText(
                "Rotation, blur, noise, brightness, JPEG compression and downscaling have not been measured yet."
            )
            return
        self.button.setText("Measure again")
        self.summary.setText(worst_corruption_text(report))
        self.note.setText(
            f"{count(report.num_images, 'validation image')}, {percent(report.accuracy)} correct unmodified. "
            f"Each row also shows the first image that is misclassified. {' '.join(report.caveats)}".strip()
        )
        self._body = QWidget(self)
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, GRID, 0)
        grid.setHorizontalSpacing(2 * GRID)
        grid.setVerticalSpacing(GRID)
        grid.setColumnStretch(1, 3)
        grid.setColumnStretch(3, 2)
        for row, kind in enumerate(report.kinds):
            self._add_row(grid, row, report, kind)
        grid.setRowStretch(len(report.kinds), 1)
        self._area.setWidget(self._body)

    def _add_row(self, grid: QGridLayout, row: int, report: RobustnessReport, kind: CorruptionKind) -> None:
        levels = [(trial.words, trial.accuracy) for trial in report.of_kind(kind)]
        label = StyledLabel(CORRUPTION_NAMES[kind], self._body)
        label.setMinimumWidth(12 * GRID)
        grid.addWidget(label, row, 0)
        grid.addWidget(LevelBars(levels, report.accuracy, self._body), row, 1)
        trial = report.first_failure(kind)
        description = MutedLabel(broken_image_text(trial) if trial else "No image is misclassified.", self._body)
        description.setMinimumWidth(20 * GRID)
        if trial is not None:
            grid.addWidget(self._make_thumbnail(Path(report.root), trial), row, 2)
        grid.addWidget(description, row, 3)

    def _make_thumbnail(self, root: Path, trial: Trial) -> QToolButton:
        assert trial.broken is not None
        path, index = root / trial.broken.path, len(self._broken)
        self._broken.append(GridItem(path, broken_image_text(trial), trial.broken.path))
        button = QToolButton(self._body)
        button.setAutoRaise(True)
        button.setIconSize(QSize(_THUMBNAIL, _THUMBNAIL))
        button.setFixedSize(_THUMBNAIL + GRID, _THUMBNAIL + GRID)
        button.setToolTip(as_plain(f"{trial.broken.path}\nClick to enlarge the unmodified image"))
        button.setAccessibleName(broken_image_text(trial))
        button.clicked.connect(lambda: self.viewer.show_item(self._broken, index))
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


def _read_report(run: Run) -> RobustnessReport | None:
    return read_robustness(run.robustness_path) if run.robustness_path.is_file() else None


def worst_corruption_text(report: RobustnessReport) -> str:
    """Return a sentence about the corruption that lowers the accuracy most."""
    worst = report.worst
    if worst is None:
        return "No corruption lowers the accuracy."
    return f"Most sensitive to {worst.words}: {percent(report.accuracy)} to {percent(worst.accuracy)}"


def broken_image_text(trial: Trial) -> str:
    """Return a sentence about the first image that is misclassified."""
    broken = trial.broken
    if broken is None:
        return "No image is misclassified."
    return f"{broken.label} → {broken.predicted}, {trial.words}"
