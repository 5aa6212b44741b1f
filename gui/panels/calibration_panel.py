"""Calibration of the confidences, and the coverage at a maximum error rate."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from engine.core.formatting import count
from engine.results.calibration import Calibration, ReliabilityBin, choose_operating_point
from gui.formatting import operating_point_text
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.inputs.error_limit_box import ErrorLimitBox
from gui.widgets.labels import HeadingLabel, MutedLabel
from gui.widgets.plots.coverage_plot import CoveragePlot
from gui.widgets.plots.reliability_plot import ReliabilityPlot


class CalibrationPanel(QWidget):
    """Shows a reliability diagram and the accuracy-coverage curve with the operating point."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._calibration: Calibration | None = None
        self._has_weak_classes = False
        self.summary = HeadingLabel("", self)
        self.note = MutedLabel("", self)
        self.operating_point = HeadingLabel("", self)
        self.ood_note = MutedLabel("", self)
        self.error_limit_box = ErrorLimitBox(state, self)
        self.reliability = ReliabilityPlot(self)
        self.coverage = CoveragePlot(self)
        self._lay_out()
        state.max_error_changed.connect(self._refresh)

    def _lay_out(self) -> None:
        body = QSplitter(Qt.Orientation.Horizontal, self)
        for heading, note, plot in (
            (self.summary, self.note, self.reliability),
            (self.operating_point, self.ood_note, self.coverage),
        ):
            side = QWidget(body)
            column = QVBoxLayout(side)
            column.setContentsMargins(0 if plot is self.reliability else 2 * GRID, GRID, 2 * GRID, 0)
            column.setSpacing(GRID // 2)
            column.addWidget(heading)
            column.addWidget(note)
            column.addSpacing(GRID)
            column.addWidget(plot, 1)
            body.addWidget(side)
        body.setChildrenCollapsible(False)
        body.setSizes([520, 520])
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.error_limit_box)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.addLayout(row)
        column.addWidget(body, 1)

    def show_calibration(
        self, calibration: Calibration | None, bins: Sequence[ReliabilityBin], has_weak_classes: bool = False
    ) -> None:
        """Show the calibration of a model, None for a run without, and its reliability diagram.

        Args:
            calibration: The calibration of the model.
            bins: The bins of the reliability diagram.
            has_weak_classes: Whether the model rarely finds some classes, for which an error limit means little.
        """
        self._calibration, self._has_weak_classes = calibration, has_weak_classes
        self.reliability.show_bins(bins)
        self._refresh()

    def _refresh(self) -> None:
        calibration = self._calibration
        point = choose_operating_point(calibration.coverage, self._state.max_error) if calibration else None
        self.coverage.show_calibration(calibration, point)
        if calibration is None or point is None:
            self.summary.setText("This run was made before calibration existed: its confidences are not calibrated.")
            for label in (self.note, self.operating_point, self.ood_note):
                label.setText("")
            return
        self.summary.setText(calibration.headline)
        self.summary.setToolTip(
            "Expected calibration error: the mean difference of confidence and accuracy. It is cross-validated: the "
            "temperature of each half of the images is fitted on the other half."
        )
        self.note.setText(f"{count(calibration.num_images, 'validation image')}. {calibration.method}")
        uneven = " The limit holds for all images together, not for each class." if self._has_weak_classes else ""
        self.operating_point.setText(operating_point_text(point, self._state.max_error) + uneven)
        self.ood_note.setText(_ood_text(calibration))


def _ood_text(calibration: Calibration) -> str:
    if calibration.ood_caveat:
        return calibration.ood_caveat
    if calibration.ood_threshold is None:
        return "This model has no embeddings of its training images, so it cannot detect images that are unlike them."
    return f'Images with similarity below {calibration.ood_threshold:.2f} are marked "unknown".'
