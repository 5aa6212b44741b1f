"""Choice of the network and its start weights: included, another pretrained network, from scratch, or a file."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from engine.config.backbones import BACKBONES, INCLUDED_BACKBONE, NON_COMMERCIAL, WEIGHTS_HOST, Backbone, find_backbone
from engine.config.local_weights import is_on_this_machine
from engine.config.network_names import network_name
from engine.config.presets import SCRATCH_BACKBONE
from engine.config.settings import ModelConfig
from engine.config.weight_origin import describe_imagenet_weights
from engine.core.formatting import size
from gui.theme import GRID
from gui.widgets.inputs.backbone_combo import BackboneCombo
from gui.widgets.labels import MutedLabel

_AUTO, _NONE, _DEFAULT = "auto", "none", "default"
_SUGGESTED_DOWNLOAD = "efficientnet_b0"
"""Shown first if no other pretrained network is on this computer: as fast as the included one and more accurate."""


class NetworkBox(QWidget):
    """Radio buttons for the start of a training, with the backbone or the file that the chosen one needs."""

    network_chosen = Signal(str, str)
    """Emitted with the backbone (or `auto`) and its weights: `auto`, `none`, `default` or the path of a file."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.included = QRadioButton("Included pretrained network (recommended)", self)
        self.another = QRadioButton("Another pretrained network", self)
        self.scratch = QRadioButton("From scratch", self)
        self.file = QRadioButton("Weights file", self)
        self.backbones = BackboneCombo(self)
        self.choose_file = QPushButton("Choose a file…", self)
        self.note = MutedLabel("", self)
        self._backbone = find_backbone(INCLUDED_BACKBONE)
        self._weights = _DEFAULT
        self._file: tuple[str, str] | None = None
        """Backbone and path of the file that was chosen last."""
        self._group = QButtonGroup(self)
        for button in (self.included, self.another, self.scratch, self.file):
            self._group.addButton(button)
        self._set_help()
        self._lay_out()
        self.included.clicked.connect(lambda: self.network_chosen.emit(_AUTO, _AUTO))
        self.another.clicked.connect(lambda: self.network_chosen.emit(_other_pretrained(), _DEFAULT))
        self.scratch.clicked.connect(lambda: self.network_chosen.emit(SCRATCH_BACKBONE, _NONE))
        self.file.clicked.connect(self._on_file_clicked)
        self.choose_file.clicked.connect(self._on_choose_file_clicked)
        self.backbones.activated.connect(self._on_backbone)

    def show_choice(self, model: ModelConfig) -> None:
        """Show the backbone and the weights of resolved settings."""
        self._backbone, self._weights = find_backbone(model.backbone), model.weights
        if self._is_file:
            self._file = (model.backbone, model.weights)
        self.backbones.show_backbone(model.backbone)
        chosen = self._chosen_button()
        chosen.setChecked(True)
        self.included.setEnabled(is_on_this_machine(find_backbone(INCLUDED_BACKBONE)))
        self.backbones.setVisible(chosen is not self.included)
        self.choose_file.setVisible(chosen is self.file)
        self.note.setText(self._describe())
        self.note.setToolTip(self._describe_origin())

    @property
    def _is_file(self) -> bool:
        return self._weights not in (_NONE, _DEFAULT)

    def _chosen_button(self) -> QRadioButton:
        if self._is_file:
            return self.file
        if self._weights == _NONE:
            return self.scratch
        return self.included if self._backbone.is_included else self.another

    def _describe(self) -> str:
        name = network_name(self._backbone.name)
        if self._is_file:
            return "The file must hold weights of this backbone."
        if self._weights == _NONE:
            return "Starts from random weights, so it needs more images and more time."
        if self._backbone.is_included:
            return f"{name} comes with the program, so nothing is downloaded."
        return f"{_describe_place(self._backbone)}{_describe_licence(self._backbone)}"

    def _describe_origin(self) -> str:
        if self._is_file:
            return self._weights
        return "" if self._weights == _NONE else f"Origin: {describe_imagenet_weights(self._backbone)}."

    def _on_backbone(self) -> None:
        name = self.backbones.currentData()
        if self._is_file or self._weights == _NONE:
            self.network_chosen.emit(name, self._weights)
        elif name == INCLUDED_BACKBONE:
            self.network_chosen.emit(_AUTO, _AUTO)
        else:
            self.network_chosen.emit(name, _DEFAULT if find_backbone(name).weights_file else _NONE)

    def _on_file_clicked(self) -> None:
        if self._file is not None:
            self.network_chosen.emit(*self._file)
        else:
            self._on_choose_file_clicked()

    def _on_choose_file_clicked(self) -> None:
        previous = self._file[1] if self._file is not None else ""
        name, _ = QFileDialog.getOpenFileName(
            self, "Choose a weights file", previous, "Weights (*.pth *.pt *.safetensors)"
        )
        if name:
            self.network_chosen.emit(self._backbone.name, name)
        else:
            self._chosen_button().setChecked(True)

    def _set_help(self) -> None:
        self.included.setToolTip("Start from the network in this program, which was trained on ImageNet.")
        self.another.setToolTip("Start from weights trained on 1.2 million images of ImageNet (transfer learning).")
        self.scratch.setToolTip("Start from random weights. Needs many images.")
        self.file.setToolTip("Start from weights of the same backbone in a file on this computer.")
        self.choose_file.setToolTip("Choose a .pth or .safetensors file.")
        for button in (self.included, self.another, self.scratch, self.file, self.choose_file):
            button.setAccessibleName(button.text())
            button.setAccessibleDescription(button.toolTip())
        self.setAccessibleName("Network")

    def _lay_out(self) -> None:
        choices = QGridLayout()
        choices.setHorizontalSpacing(3 * GRID)
        choices.setVerticalSpacing(GRID // 2)
        choices.addWidget(self.included, 0, 0)
        choices.addWidget(self.another, 0, 1)
        choices.addWidget(self.scratch, 1, 0)
        choices.addWidget(self.file, 1, 1)
        choices.setColumnStretch(2, 1)
        details = QHBoxLayout()
        details.setSpacing(GRID)
        self.backbones.setMaximumWidth(56 * GRID)
        details.addWidget(self.backbones, 2)
        details.addWidget(self.choose_file)
        details.addWidget(self.note, 1, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID // 2, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(choices)
        column.addLayout(details)


def _other_pretrained() -> str:
    """Return the fastest pretrained network on this computer beside the included one, or one to download."""
    rows = [row for row in BACKBONES.values() if not row.is_included and is_on_this_machine(row)]
    return min(rows, key=lambda row: row.multiply_adds).name if rows else _SUGGESTED_DOWNLOAD


def _describe_place(backbone: Backbone) -> str:
    if is_on_this_machine(backbone):
        return "These weights are on this computer."
    return f"{size(backbone.weights_mb)} are downloaded once from {WEIGHTS_HOST} when you train."


def _describe_licence(backbone: Backbone) -> str:
    return " They may not be used commercially (CC-BY-NC 4.0)." if backbone.name in NON_COMMERCIAL else ""
