"""Form for the settings of a run, built from the titles, descriptions and limits of the fields."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic.fields import FieldInfo
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engine.config.preset_differences import FieldKey
from engine.config.settings import RunConfig
from engine.core.formatting import count
from gui.theme import GRID
from gui.widgets.inputs.editors import Editor, help_text, make_editor, value_text
from gui.widgets.inputs.field_row import FieldRow
from gui.widgets.labels import HeadingLabel, MutedLabel


class SettingsForm(QWidget):
    """Form for selected fields of a RunConfig, grouped by section. Other fields keep their values.

    Fields whose chosen values make a difference to the presets are marked and can be reset, one by one or all.
    """

    field_edited = Signal(str, dict)
    """Emitted with the name of a section and the changed field with its value."""
    reset_requested = Signal(list)
    """Emitted with the names of section and field of each setting to leave to the presets."""

    def __init__(self, fields: Mapping[str, Sequence[str]], parent: QWidget | None = None) -> None:
        """Create the editors.

        Args:
            fields: Names of the fields to edit, by name of their section.
            parent: Parent widget.
        """
        super().__init__(parent)
        self._config = RunConfig()
        self._rows: dict[FieldKey, FieldRow] = {}
        self.summary = MutedLabel("", self)
        self.reset_button = QPushButton("Reset to presets", self)
        self.reset_button.setToolTip("Leave all settings below to the presets for these images and this network")
        self.reset_button.clicked.connect(lambda: self.reset_requested.emit(self.changed_fields()))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3 * GRID)
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self.summary, 1)
        head.addWidget(self.reset_button)
        column.addLayout(head)
        for section, names in fields.items():
            column.addLayout(self._build_section(section, names))
        column.addStretch(1)
        self.show_config(self._config)

    def show_config(
        self, config: RunConfig, differences: Mapping[FieldKey, Mapping[FieldKey, object]] | None = None
    ) -> None:
        """Show resolved settings.

        Args:
            config: The settings.
            differences: The changed fields, each with the values that it and others would have by the presets.
        """
        self._config = config
        differences = differences or {}
        for (section, name), row in self._rows.items():
            value = getattr(getattr(config, section), name)
            if row.editor.current_value() != value:
                row.editor.show_value(value)
            row.show_preset(_preset_text((section, name), differences.get((section, name), {})))
        num_changed = len(self.changed_fields())
        self.summary.setText(f"{count(num_changed, 'setting')} changed." if num_changed else "All as in the presets.")
        self.reset_button.setEnabled(bool(num_changed))

    def editor(self, section: str, name: str) -> Editor:
        """Return the editor of one field."""
        return self._rows[section, name].editor

    def row(self, section: str, name: str) -> FieldRow:
        """Return label, editor and reset button of one field."""
        return self._rows[section, name]

    def changed_fields(self) -> list[FieldKey]:
        """Return the fields that are marked as changed."""
        return [key for key, row in self._rows.items() if row.is_changed]

    def _build_section(self, section: str, names: Sequence[str]) -> QVBoxLayout:
        info = RunConfig.model_fields[section]
        box = QVBoxLayout()
        box.setSpacing(GRID)
        heading = HeadingLabel(info.title or section)
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
        row = FieldRow(field.title or name, help_text(field), editor)
        self._rows[section, name] = row
        form.addRow(row.label, row)
        editor.edited.connect(lambda: self._on_edited(section, name))
        row.reset_button.clicked.connect(lambda: self.reset_requested.emit([(section, name)]))

    def _on_edited(self, section: str, name: str) -> None:
        value = self.editor(section, name).current_value()
        if value == getattr(getattr(self._config, section), name):
            return
        self.field_edited.emit(section, {name: value})


def _preset_text(key: FieldKey, values: Mapping[FieldKey, object]) -> str:
    """Return the value of a field in the presets, and those of other fields that follow from it."""
    others = [f"{_title(*other)} {value_text(value)}" for other, value in values.items() if other != key]
    return ", ".join([value_text(values[key]), *others] if key in values else others)


def _title(section: str, name: str) -> str:
    return next(field.title or name for other, field in _fields_of(section) if other == name)


def _fields_of(section: str) -> Iterator[tuple[str, FieldInfo]]:
    annotation = RunConfig.model_fields[section].annotation
    assert annotation is not None
    yield from annotation.model_fields.items()
