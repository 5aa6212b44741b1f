"""Take the model away: as a file, as sorted folders, or as answers to other programs."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from engine.core.errors import EngineError
from engine.results.model_metadata import read_metadata
from gui.formatting import network_name
from gui.operations import Operations
from gui.panels.export_panel import ExportPanel
from gui.panels.serve_panel import ServePanel
from gui.panels.sort_panel import SortPanel
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.inputs.drop_area import DropArea
from gui.widgets.labels import MutedLabel, TitleLabel


class ExportPage(QWidget):
    """Three cards about the opened model, or an invitation while there is none."""

    train_requested = Signal()

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.title = TitleLabel("Take the model away", self)
        self.model_label = MutedLabel("", self)
        self.export = ExportPanel(state, operations, self)
        self.sort = SortPanel(state, operations, self)
        self.serve = ServePanel(state, operations, self)
        self.invitation = DropArea("export", "No model yet", "Train one, or open one on the Predict page.", self)
        train = self.invitation.add_button("Go to training", "train", "Train a model first", True)
        train.clicked.connect(self.train_requested)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.invitation)
        self._stack.addWidget(self._build_cards())
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID // 2)
        column.addWidget(self.title)
        column.addWidget(self.model_label)
        column.addSpacing(GRID)
        column.addWidget(self._stack, 1)
        state.model_changed.connect(self._refresh)
        self._refresh()

    def _build_cards(self) -> QWidget:
        inside = QWidget(self)
        row = QHBoxLayout(inside)
        row.setContentsMargins(0, 0, GRID, 0)
        row.setSpacing(2 * GRID)
        row.addWidget(self.export, 1, Qt.AlignmentFlag.AlignTop)
        right = QVBoxLayout()
        right.setSpacing(2 * GRID)
        right.addWidget(self.sort)
        right.addWidget(self.serve)
        right.addStretch()
        row.addLayout(right, 1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        return area

    def _refresh(self) -> None:
        model = self._state.model
        self._stack.setCurrentIndex(0 if model is None else 1)
        words = ""
        if model is not None:
            try:
                card = read_metadata(model)
                words = f"{model.parent.name}: {network_name(card.backbone)}, {len(card.classes):,} classes"
            except EngineError:  # gone since; whatever is asked of it says so
                words = str(model)
        self.model_label.setText(words)
        self.model_label.setVisible(bool(words))
