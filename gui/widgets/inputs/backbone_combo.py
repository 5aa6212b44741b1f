"""Choice of one backbone of the catalog, with search."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QCompleter, QWidget

from engine.config.backbones import BACKBONES
from engine.config.network_names import network_name
from engine.core.formatting import millions
from gui.widgets.inputs.drops import refuse_drops


class BackboneCombo(QComboBox):
    """All backbones with their cost and ImageNet accuracy. The data of an item is the name of the backbone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for row in BACKBONES.values():
            score = f", {row.top1:.1f} % ImageNet" if row.top1 is not None else ""
            score += ", pretrained weights included" if row.is_included else ""
            cost = f"{millions(row.num_parameters)} parameters, {row.multiply_adds:,} M MACs"
            self.addItem(f"{network_name(row.name)}   {cost}{score}", row.name)
        self.setEditable(True)
        refuse_drops(self)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        completer = self.completer()
        if completer is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.setMinimumContentsLength(16)
        self.setToolTip(
            "Backbone: the network architecture to train. Type to search. MACs: multiply-accumulates per image"
        )
        self.setAccessibleName("Backbone")

    def show_backbone(self, name: str) -> None:
        """Show a backbone from the start of its name."""
        self.setCurrentIndex(self.findData(name))
        line = self.lineEdit()
        if line is not None:
            line.setCursorPosition(0)
