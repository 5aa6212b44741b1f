"""Input for the size of the validation split."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from engine.core.formatting import count
from gui.theme import GRID
from gui.widgets.inputs.drops import refuse_drops
from gui.widgets.labels import MutedLabel


class SplitBox(QWidget):
    """Editor of the validation share, or a note that the folder has its own split."""

    fraction_chosen = Signal(float)
    """Emitted with the validation share (0..1)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = QLabel("Validation split", self)
        self.percent = QSpinBox(self)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.percent.setRange(5, 50)
        self.percent.setSingleStep(5)
        self.percent.setSuffix(" %")
        self.percent.setToolTip("Share of each class that is used for validation and not for training")
        self.percent.setAccessibleName("Validation split")
        self._label.setBuddy(self.percent)
        refuse_drops(self.percent)
        self._note = MutedLabel("", self)
        row = QHBoxLayout()
        row.addWidget(self._label, 1)
        row.addWidget(self.percent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(row)
        column.addWidget(self._note)
        self.percent.valueChanged.connect(lambda value: self.fraction_chosen.emit(value / 100))

    def show_fraction(self, fraction: float, is_own: bool, num_grouped: int = 0) -> None:
        """Show the split of a dataset.

        Args:
            fraction: Validation share (0..1).
            is_own: Whether the folder has its own validation folder, which hides the input.
            num_grouped: Number of images in groups.
        """
        self.percent.blockSignals(True)
        self.percent.setValue(round(fraction * 100))
        self.percent.blockSignals(False)
        self.percent.setVisible(not is_own)
        self._label.setVisible(not is_own)
        grouped = f" {count(num_grouped, 'image')} of groups are kept together." if num_grouped else ""
        own = "Using the folder's own val/ for validation."
        self._note.setText(own if is_own else f"The split is reproducible.{grouped}")
        tooltip = "Duplicates and photos of one event, patient or place stay on one side of the split"
        self._note.setToolTip(tooltip if num_grouped else "")
