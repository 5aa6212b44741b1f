"""Table of the layers of the chosen backbone, shown on request."""

from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from engine.config.backbones import find_backbone
from engine.results.model_summary import Summary
from gui.models.layer_model import LayerModel
from gui.operations import Operations
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.tables import make_table

_DEFAULT_NUM_CLASSES = 1000  # as in ImageNet, used while no dataset is open


class ModelSummary(QWidget):
    """A button that shows the table of layers below it."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._backbone = state.config.model.backbone
        self.model = LayerModel()
        self.table = make_table(self.model, "Layers", "Output shape, parameters and MACs of each layer")
        self.table.setMinimumHeight(30 * GRID)
        self.table.hide()
        self.button = QPushButton("Model summary", self)
        self.button.setToolTip("Show output shape, parameters and MACs of each layer")
        self.button.clicked.connect(self._on_clicked)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self.table)
        state.config_changed.connect(self._on_config_changed)

    def _on_config_changed(self) -> None:
        if self._state.config.model.backbone != self._backbone:
            self._backbone = self._state.config.model.backbone
            self.table.hide()

    def _on_clicked(self) -> None:
        config, dataset = self._state.config, self._state.dataset
        size = config.data.image_size or find_backbone(self._backbone).image_size
        num_classes = len(dataset.classes) if dataset is not None else _DEFAULT_NUM_CLASSES
        self._operations.models.summarize(self._backbone, num_classes, size).succeeded.connect(self._show)

    def _show(self, summary: Summary) -> None:
        if summary.backbone == self._backbone:
            self.model.show_summary(summary)
            self.table.show()
