"""Table model of the layers of a model."""

from typing import Any

from PySide6.QtCore import Qt

from engine.core.formatting import exact_or_millions
from engine.results.model_summary import Layer, Summary
from gui.models.table_model import Index, TableModel

_COLUMNS = (
    ("Layer", "Name of the layer within the model."),
    ("Type", "Type of the layer."),
    ("Output shape", "Output shape for one image: channels × height × width, or features."),
    ("Parameters", "Number of parameters of the layer."),
    ("MACs", "Multiply-accumulate operations for one image."),
)


class LayerModel(TableModel):
    """Table model with one row per layer, from input to output."""

    columns = _COLUMNS
    numeric_columns = frozenset({2, 3, 4})

    def show_summary(self, summary: Summary | None) -> None:
        """Show the layers of a model summary, or clear the table."""
        self.show_rows(summary.layers if summary else ())

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the data of a cell for a role."""
        if not index.isValid():
            return None
        layer: Layer = self._rows[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return layer.name
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        shape = " × ".join(map(str, layer.output))
        macs = exact_or_millions(layer.multiply_adds)
        return (layer.name, layer.kind, shape, exact_or_millions(layer.num_parameters), macs)[index.column()]
