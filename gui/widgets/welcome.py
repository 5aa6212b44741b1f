"""Introduction in three steps, shown at the first start."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from gui.theme import GRID
from gui.widgets.labels import HeadingLabel, MutedLabel, TitleLabel

_STEPS = (
    ("1  Drop a folder", "One folder per class, with its images inside. Or try the sample."),
    ("2  Press Train", "The settings are chosen for your images and this computer. Watch the training curves."),
    ("3  Drop images on the model", "See the prediction and its confidence for each image. Then export the model."),
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
        self.skip_button.setToolTip("Hide this introduction; About shows it again")
        self.skip_button.clicked.connect(self.skipped)
        head = QHBoxLayout()
        head.addWidget(TitleLabel("A model of your own in three steps", self), 1)
        head.addWidget(self.skip_button)
        steps = QHBoxLayout()
        steps.setSpacing(3 * GRID)
        for title, description in _STEPS:
            step = QVBoxLayout()
            step.setSpacing(GRID // 2)
            step.addWidget(HeadingLabel(title, self))
            step.addWidget(MutedLabel(description, self), 1, Qt.AlignmentFlag.AlignTop)
            steps.addLayout(step, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addLayout(steps)
