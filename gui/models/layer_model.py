"""The layers of a network as a table."""

from typing import Any

from PySide6.QtCore import Qt

from engine.core.formatting import exact_or_millions
from engine.results.model_summary import Layer, Summary
from gui.models.table_model import Index, TableModel

_COLUMNS = (
    ("Layer", "Where the layer sits in the network."),
    ("Kind", "What the layer computes."),
    ("Output", "Shape of what it gives on: channels x height x width, or features."),
    ("Parameters", "Numbers it learns."),
    ("Multiply-adds", "Its work for one image."),
)


class LayerModel(TableModel):
    """One row a layer, from the image to the answer."""

    columns = _COLUMNS
    figures = frozenset({2, 3, 4})

    def show_summary(self, summary: Summary | None) -> None:
        """Show the layers of a network."""
        self.show_rows(summary.layers if summary else ())

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
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
        work = exact_or_millions(layer.multiply_adds)
        return (layer.name, layer.kind, shape, exact_or_millions(layer.num_parameters), work)[index.column()]
