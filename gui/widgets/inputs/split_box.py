"""How many images are set aside to measure on."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from engine.core.formatting import count
from gui.theme import GRID
from gui.widgets.labels import MutedLabel


class SplitBox(QWidget):
    """A percentage, or the word that the folder brings its own split."""

    fraction_chosen = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = QLabel("Set aside to measure on", self)
        self.percent = QSpinBox(self)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.percent.setRange(5, 50)
        self.percent.setSingleStep(5)
        self.percent.setSuffix(" %")
        self.percent.setToolTip("Share of each class that the network does not learn from (validation split)")
        self.percent.setAccessibleName("Share set aside to measure on")
        self._label.setBuddy(self.percent)
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

    def show_fraction(self, fraction: float, is_own: bool, num_tied: int = 0) -> None:
        """Show the share, or that the folder has folders of its own for it; `num_tied` images are in groups."""
        self.percent.blockSignals(True)
        self.percent.setValue(round(fraction * 100))
        self.percent.blockSignals(False)
        self.percent.setVisible(not is_own)
        self._label.setVisible(not is_own)
        tied = f" {count(num_tied, 'image')} with copies stay together." if num_tied else ""
        own = "The folder brings its own val/ to measure on."
        self._note.setText(own if is_own else f"The same draw every time.{tied}")
        self._note.setToolTip("Copies and shots within seconds are all learnt from or all measured on" if tied else "")
