"""Form for the settings of a run, built from the titles, descriptions and limits of the fields."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic.fields import FieldInfo
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from engine.config.settings import RunConfig
from gui.theme import GRID
from gui.widgets.inputs.editors import Editor, help_text, make_editor


class SettingsForm(QWidget):
    """Form for selected fields of a RunConfig, grouped by section. Other fields keep their values."""

    field_edited = Signal(str, dict)
    """Emitted with the name of a section and the changed field with its value."""

    def __init__(self, fields: Mapping[str, Sequence[str]], parent: QWidget | None = None) -> None:
        """Create the editors.

        Args:
            fields: Names of the fields to edit, by name of their section.
            parent: Parent widget.
        """
        super().__init__(parent)
        self._config = RunConfig()
        self._editors: dict[tuple[str, str], Editor] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3 * GRID)
        for section, names in fields.items():
            column.addLayout(self._build_section(section, names))
        column.addStretch(1)
        self.show_config(self._config)

    def show_config(self, config: RunConfig) -> None:
        """Show these settings."""
        self._config = config
        for (section, name), editor in self._editors.items():
            value = getattr(getattr(config, section), name)
            if editor.current_value() != value:
                editor.show_value(value)

    def editor(self, section: str, name: str) -> Editor:
        """Return the editor of one field."""
        return self._editors[section, name]

    def _build_section(self, section: str, names: Sequence[str]) -> QVBoxLayout:
        info = RunConfig.model_fields[section]
        box = QVBoxLayout()
        box.setSpacing(GRID)
        heading = QLabel(info.title or section)
        bold = heading.font()
        bold.setBold(True)
        heading.setFont(bold)
        heading.setToolTip((info.annotation.__doc__ or "").strip() if info.annotation else "")
        box.addWidget(heading)
        form = QFormLayout()
        form.setHorizontalSpacing(2 * GRID)
        form.setVerticalSpacing(GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for name, field in _fields_of(section):
            if name in names:
                self._add_row(form, section, name, field)
        box.addLayout(form)
        return box

    def _add_row(self, form: QFormLayout, section: str, name: str, field: FieldInfo) -> None:
        editor = make_editor(field)
        editor.setObjectName(f"{section}.{name}")
        editor.setMinimumWidth(13 * GRID)
        self._editors[section, name] = editor
        label = QLabel(field.title or name)
        label.setToolTip(help_text(field))
        label.setMinimumWidth(14 * GRID)
        label.setBuddy(editor)
        form.addRow(label, editor)
        editor.edited.connect(lambda: self._on_edited(section, name))

    def _on_edited(self, section: str, name: str) -> None:
        value = self._editors[section, name].current_value()
        if value == getattr(getattr(self._config, section), name):
            return
        self.field_edited.emit(section, {name: value})


def _fields_of(section: str) -> Iterator[tuple[str, FieldInfo]]:
    annotation = RunConfig.model_fields[section].annotation
    assert annotation is not None
    yield from annotation.model_fields.items()
