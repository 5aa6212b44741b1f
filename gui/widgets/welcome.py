"""What people see at the very first start: three steps, which they may skip."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from gui.theme import GRID
from gui.widgets.labels import HeadingLabel, MutedLabel, TitleLabel

_STEPS = (
    ("1  Drop a folder", "One folder for each kind of thing, with its images inside. Or try the sample."),
    ("2  Press Train", "The program picks what suits your images and this computer. Watch it learn."),
    ("3  Drop images on the result", "Read what each one is and how sure the model is. Then take the model away."),
)


class Welcome(QFrame):
    """The three steps side by side."""

    skipped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.setAccessibleName("Welcome")
        self.skip_button = QPushButton("Skip", self)
        self.skip_button.setProperty("flat", True)
        self.skip_button.setToolTip("Put this away; it is found again under About")
        self.skip_button.clicked.connect(self.skipped)
        head = QHBoxLayout()
        head.addWidget(TitleLabel("A model of your own in three steps", self), 1)
        head.addWidget(self.skip_button)
        steps = QHBoxLayout()
        steps.setSpacing(3 * GRID)
        for words, meaning in _STEPS:
            step = QVBoxLayout()
            step.setSpacing(GRID // 2)
            step.addWidget(HeadingLabel(words, self))
            step.addWidget(MutedLabel(meaning, self), 1, Qt.AlignmentFlag.AlignTop)
            steps.addLayout(step, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addLayout(steps)
