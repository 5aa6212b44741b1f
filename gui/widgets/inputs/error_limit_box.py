"""Input for the maximum error rate."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from gui.state import AppState
from gui.theme import GRID
from gui.widgets.inputs.drops import refuse_drops


class ErrorLimitBox(QWidget):
    """Editor of the maximum error rate in the application state, which all pages share. Zero means no limit."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        label = QLabel("Maximum error rate", self)
        self.percent = QDoubleSpinBox(self)
        self.percent.setRange(0, 50)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.percent.setDecimals(1)
        self.percent.setSingleStep(1)
        self.percent.setSuffix(" %")
        self.percent.setSpecialValueText("no limit")
        self.percent.setAccessibleName("Maximum error rate")
        self.percent.setToolTip(
            "Images with a low confidence are marked unsure, so that at most this share of the other predictions is "
            "wrong. The confidence threshold is chosen on the validation images. No limit: no image is marked unsure."
        )
        refuse_drops(self.percent)
        label.setBuddy(self.percent)
        label.setToolTip(self.percent.toolTip())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(label)
        row.addWidget(self.percent)
        self.percent.valueChanged.connect(lambda value: state.set_max_error(value / 100 if value else None))
        state.max_error_changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        self.percent.blockSignals(True)
        self.percent.setValue(100 * (self._state.max_error or 0))
        self.percent.blockSignals(False)
