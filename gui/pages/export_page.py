"""Export page: model files, sorted folders and a local server."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from engine.config.network_names import network_name
from gui.operations import Operations
from gui.panels.export_panel import ExportPanel
from gui.panels.serve_panel import ServePanel
from gui.panels.sort_panel import SortPanel
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.inputs.drop_area import DropArea
from gui.widgets.labels import MutedLabel, TitleLabel


class ExportPage(QWidget):
    """Shows the export, sort and server panels of the open model, or a hint while there is none."""

    train_requested = Signal()

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.title = TitleLabel("Export", self)
        self.model_label = MutedLabel("", self)
        self.export = ExportPanel(state, operations, self)
        self.sort = SortPanel(state, operations, self)
        self.serve = ServePanel(state, operations, self)
        self.empty_view = DropArea("export", "No model yet", "Train one, or open one on the Predict page.", self)
        train = self.empty_view.add_button("Go to training", "train", "Train a model first", True)
        train.clicked.connect(self.train_requested)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty_view)
        self._stack.addWidget(self._build_panels())
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID // 2)
        column.addWidget(self.title)
        column.addWidget(self.model_label)
        column.addSpacing(GRID)
        column.addWidget(self._stack, 1)
        state.model_changed.connect(self._refresh)
        self._refresh()

    def _build_panels(self) -> QWidget:
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
        model, metadata = self._state.model, self._state.model_metadata
        self._stack.setCurrentIndex(0 if model is None else 1)
        description = ""
        if model is not None and metadata is not None:
            description = f"{model.parent.name}: {network_name(metadata.backbone)}, {len(metadata.classes):,} classes"
        self.model_label.setText(description)
        self.model_label.setVisible(bool(description))
