"""Editors for single settings, created from the type and the limits of a pydantic field."""

import math
import re
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from PySide6.QtCore import QRegularExpression, Qt, Signal
from PySide6.QtGui import QFocusEvent, QRegularExpressionValidator, QValidator, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit

from engine.core.formatting import plain_number
from gui.widgets.inputs.drops import refuse_drops

_MAX_DECIMALS = 8
_FRACTION_STEP = 0.001
AUTO = "auto"
OFF = "off"
_CHOICE_LABELS = {
    "auto": "Auto",
    "off": "Off",
    "crop": "Crop",
    "squash": "Stretch",
    "pad": "Pad",
    "full": "All layers",
    "head": "Classifier only",
    "quick": "Last block, cached",
    "loss": "Weighted loss",
    "adamw": "AdamW",
    "adam": "Adam",
    "sgd": "SGD",
    "cpu": "CPU",
    "cuda": "CUDA",
    "mps": "MPS",
}
"""Labels of the values of choice fields. Other values are shown as they are."""


class NumberBox(QDoubleSpinBox):
    """Input for a number between limits. An optional number may be None, which is shown as `auto`."""

    edited = Signal()

    def __init__(self, low: float, high: float, *, is_whole: bool, is_optional: bool) -> None:
        super().__init__()
        self._is_whole, self._is_optional = is_whole, is_optional
        self._low = low
        self.setDecimals(0 if is_whole else _MAX_DECIMALS)
        # The value below the minimum represents None, because a Qt spin box has no empty value.
        self.setRange(low - 1 if is_optional else low, high)
        if is_optional:
            self.setSpecialValueText(AUTO)
        self._choose_step(low, high)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setKeyboardTracking(False)
        self.valueChanged.connect(self.edited)
        refuse_drops(self)

    def current_value(self) -> float | int | None:
        """Return the number, or None if an optional number is not set."""
        if self._is_optional and self.value() < self._low:
            return None
        return round(self.value()) if self._is_whole else self.value()

    def show_value(self, value: float | None) -> None:
        """Show a number without emitting `edited`."""
        was_blocked = self.blockSignals(True)
        self.setValue(self._low - 1 if value is None else value)
        self.blockSignals(was_blocked)

    def _choose_step(self, low: float, high: float) -> None:
        if self._is_whole:
            self.setSingleStep(1)
        elif low >= 0 and high <= 1:
            self.setSingleStep(0.05)
        elif high > 100:
            self.setSingleStep(1)
        else:
            self.setSingleStep(0.1)
        is_wide = low > 0 and high > 1 and math.log10(high / low) > 4
        if is_wide and not self._is_whole:
            self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)

    def textFromValue(self, value: float) -> str:
        """Format a number without trailing zeros."""
        return plain_number(value)

    def valueFromText(self, text: str) -> float:
        """Parse a number; `1e-3` and `0,001` are accepted."""
        number = _read_number(text)
        return self.minimum() if number is None else number

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Accept incomplete numbers while typing; `fixup` corrects values out of range."""
        state = QValidator.State.Intermediate
        number = _read_number(text)
        if not text or AUTO.startswith(text.strip().lower()):
            state = QValidator.State.Acceptable if self._is_optional else QValidator.State.Intermediate
        elif re.search(r"[^0-9eE.,+\-\s]", text):
            state = QValidator.State.Invalid
        elif number is not None and self._low <= number <= self.maximum():
            state = QValidator.State.Acceptable
        return (state, text, position)

    def fixup(self, text: str) -> str:
        """Clamp a number to the limits."""
        number = _read_number(text)
        if number is None:
            return self.textFromValue(self.value())
        return self.textFromValue(min(max(number, self._low), self.maximum()))

    def stepBy(self, steps: int) -> None:
        """Step up from `auto` to the minimum."""
        if self._is_optional and self.value() < self._low and steps > 0:
            self.setValue(self._low)
            return
        super().stepBy(steps)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ignore the wheel without focus, so that scrolling the form does not change the value."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ChoiceBox(QComboBox):
    """Input for one of several named values. Each item has its meaning as its tooltip."""

    edited = Signal()

    def __init__(self, choices: tuple[str, ...], description: str) -> None:
        super().__init__()
        for row, choice in enumerate(choices):
            self.addItem(_CHOICE_LABELS.get(choice, choice), choice)
            meaning = re.search(rf"\b{re.escape(choice)}: ([^.]*)\.", description)
            if meaning:
                self.setItemData(row, meaning.group(1).capitalize() + ".", Qt.ItemDataRole.ToolTipRole)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.currentIndexChanged.connect(self.edited)

    def current_value(self) -> str:
        """Return the chosen value."""
        return str(self.currentData())

    def show_value(self, value: str) -> None:
        """Show a value without emitting `edited`."""
        was_blocked = self.blockSignals(True)
        self.setCurrentIndex(self.findData(value))
        self.blockSignals(was_blocked)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ignore the wheel without focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class SwitchBox(QCheckBox):
    """Input for a boolean."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.toggled.connect(self.edited)

    def current_value(self) -> bool:
        """Return whether the box is checked."""
        return self.isChecked()

    def show_value(self, value: bool) -> None:
        """Check or clear the box without emitting `edited`."""
        was_blocked = self.blockSignals(True)
        self.setChecked(value)
        self.blockSignals(was_blocked)


class TextBox(QLineEdit):
    """Input for text that matches a pattern. Invalid text is replaced by the previous text."""

    edited = Signal()

    def __init__(self, pattern: str = "") -> None:
        super().__init__()
        self._shown = ""
        if pattern:
            self.setValidator(QRegularExpressionValidator(QRegularExpression(pattern), self))
        self.editingFinished.connect(self._on_editing_finished)
        refuse_drops(self)

    def current_value(self) -> str:
        """Return the text."""
        return self.text()

    def show_value(self, value: str) -> None:
        """Show a text without emitting `edited`."""
        self._shown = value
        self.setText(value)

    def _on_editing_finished(self) -> None:
        self._shown = self.text()
        self.edited.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Restore the previous text if the new one is invalid."""
        if not self.hasAcceptableInput():
            self.setText(self._shown)
        super().focusOutEvent(event)


Editor: TypeAlias = NumberBox | ChoiceBox | SwitchBox | TextBox


def make_editor(field: FieldInfo) -> Editor:
    """Return an editor for the type and limits of a field, with its help as tooltip and its title as name."""
    kind, is_optional = _plain_type(field.annotation)
    editor: Editor
    if get_origin(kind) is Literal:
        editor = ChoiceBox(get_args(kind), field.description or "")
    elif kind is bool:
        editor = SwitchBox()
    elif kind in (int, float):
        low, high = limits(field, is_whole=kind is int)
        editor = NumberBox(low, high, is_whole=kind is int, is_optional=is_optional)
    else:
        editor = TextBox(next((limit.pattern for limit in field.metadata if hasattr(limit, "pattern")), ""))
        editor.setPlaceholderText(OFF)
    editor.setToolTip(help_text(field))
    editor.setAccessibleName(field.title or "")
    editor.setAccessibleDescription(help_text(field))
    return editor


def help_text(field: FieldInfo) -> str:
    """Return the description of a field, with the labels of its choices instead of their values."""
    text, (kind, _) = field.description or "", _plain_type(field.annotation)
    for value in get_args(kind) if get_origin(kind) is Literal else ():
        text = re.sub(rf"\b{value}:", f"{_CHOICE_LABELS.get(value, value)}:", text)
    return text


def value_text(value: object) -> str:
    """Return the value of a setting as its editor shows it."""
    if isinstance(value, bool):
        return "on" if value else OFF
    if isinstance(value, int | float):
        return plain_number(value)
    return AUTO if value is None else _CHOICE_LABELS.get(str(value), str(value)) or OFF


def limits(field: FieldInfo, *, is_whole: bool) -> tuple[float, float]:
    """Return the minimum and maximum of a field. An exclusive limit is moved inside by the smallest step."""
    low, high = -1e9, 1e9
    open_low, open_high = False, False
    for limit in field.metadata:
        if (ge := getattr(limit, "ge", None)) is not None:
            low, open_low = ge, False
        if (gt := getattr(limit, "gt", None)) is not None:
            low, open_low = gt, True
        if (le := getattr(limit, "le", None)) is not None:
            high, open_high = le, False
        if (lt := getattr(limit, "lt", None)) is not None:
            high, open_high = lt, True
    step = 1.0 if is_whole else _FRACTION_STEP if high <= 1 else 10.0**-_MAX_DECIMALS
    return low + step * open_low, high - step * open_high


def _plain_type(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0], True
    return annotation, False


def _read_number(text: str) -> float | None:
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
