"""How many wrong answers the user puts up with."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from gui.state import AppState
from gui.theme import GRID


class ErrorLimitBox(QWidget):
    """A share of wrong ones among the answers; at its lowest every image is answered. The same on every page."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        label = QLabel("Wrong answers, at most", self)
        self.percent = QDoubleSpinBox(self)
        self.percent.setRange(0, 50)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.percent.setDecimals(1)
        self.percent.setSingleStep(1)
        self.percent.setSuffix(" %")
        self.percent.setSpecialValueText("answer all")
        self.percent.setAccessibleName("Wrong answers, at most")
        self.percent.setToolTip(
            "Images the model is not sure enough of are left to you, so that of those it answers at most this share "
            "is wrong (error budget, chosen on validation images). At the lowest, every image is answered."
        )
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
