"""Choice of the pretrained weights: ImageNet weights, none, or a file."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QLabel, QPushButton, QRadioButton, QVBoxLayout, QWidget

from engine.config.backbones import NON_COMMERCIAL, WEIGHTS_HOST, Backbone
from engine.config.local_weights import is_on_this_machine
from engine.config.weight_origin import describe_imagenet_weights
from engine.core.formatting import size
from gui.theme import GRID
from gui.widgets.labels import MutedLabel

_NONE, _DEFAULT = "none", "default"
_IMAGENET_HELP = "Start from weights trained on 1.2 million images of ImageNet (transfer learning)."


class WeightsBox(QWidget):
    """Radio buttons for the initial weights of a backbone."""

    weights_chosen = Signal(str)
    """Emitted with `none`, `default` or the path of a file."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.imagenet = QRadioButton("ImageNet weights")
        self.scratch = QRadioButton("From scratch")
        self.file = QRadioButton("Weights file")
        self.choose_file = QPushButton("Choose a file…")
        self._note = MutedLabel()
        self._licence = MutedLabel()
        self._file_note = MutedLabel()
        self._path: str | None = None
        self._group = QButtonGroup(self)
        for button in (self.imagenet, self.scratch, self.file):
            self._group.addButton(button)
        self._set_help()
        self._lay_out()
        self.imagenet.clicked.connect(lambda: self.weights_chosen.emit(_DEFAULT))
        self.scratch.clicked.connect(lambda: self.weights_chosen.emit(_NONE))
        self.file.clicked.connect(self._on_file_clicked)
        self.choose_file.clicked.connect(self._on_choose_file_clicked)

    def show_choice(self, backbone: Backbone, weights: str) -> None:
        """Show which weights `backbone` has and which are chosen: `none`, `default` or a path."""
        has_weights = bool(backbone.weights_file)
        origin = f" Origin: {describe_imagenet_weights(backbone)}." if has_weights else ""
        self.imagenet.setToolTip(_IMAGENET_HELP + origin)
        self.imagenet.setEnabled(has_weights)
        if not has_weights:
            self._note.setText("Not available for this backbone.")
        elif backbone.is_included:
            self._note.setText("Included in the program, no download. Recommended for small datasets.")
        elif is_on_this_machine(backbone):
            self._note.setText("Already on this computer. Recommended for small datasets.")
        else:
            self._note.setText(f"Downloads {size(backbone.weights_mb)} from {WEIGHTS_HOST} when you train.")
        self._licence.setText("These weights may not be used commercially (CC-BY-NC 4.0).")
        self._licence.setVisible(backbone.name in NON_COMMERCIAL)
        is_file = weights not in (_NONE, _DEFAULT)
        if is_file:
            self._path = weights
        chosen = self.file if is_file else self.imagenet if weights == _DEFAULT else self.scratch
        chosen.setChecked(True)
        self._file_note.setText(Path(self._path).name if self._path else "For the same backbone: .pth or .safetensors.")
        self._file_note.setToolTip(self._path or "")

    def _on_file_clicked(self) -> None:
        if self._path:
            self.weights_chosen.emit(self._path)
        else:
            self._on_choose_file_clicked()

    def _on_choose_file_clicked(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Choose a weights file", self._path or "", "Weights (*.pth *.pt *.safetensors)"
        )
        # A cancelled dialog emits the previous file or "none", so that the radio buttons match the setting.
        self.weights_chosen.emit(name or self._path or _NONE)

    def _set_help(self) -> None:
        self.imagenet.setToolTip(_IMAGENET_HELP)
        self.scratch.setToolTip("Start from random weights. Needs many images.")
        self.file.setToolTip("Start from weights of the same backbone in a file on this computer.")
        self.choose_file.setToolTip("Choose a .pth or .safetensors file.")
        for button in (self.imagenet, self.scratch, self.file, self.choose_file):
            button.setAccessibleName(button.text())
            button.setAccessibleDescription(button.toolTip())

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        heading = QLabel("Pretrained weights")
        bold = heading.font()
        bold.setBold(True)
        heading.setFont(bold)
        column.addWidget(heading)
        for button, *notes in (
            (self.imagenet, self._note, self._licence),
            (self.scratch, MutedLabel("Needs more images and more epochs.")),
            (self.file, self._file_note, self.choose_file),
        ):
            column.addWidget(button)
            for note in notes:
                inner = QVBoxLayout()
                inner.setContentsMargins(3 * GRID, 0, 0, GRID // 2)
                inner.addWidget(note)
                column.addLayout(inner)
