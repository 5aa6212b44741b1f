"""Editors for single settings: they keep to the limits that stand on the field and give back plain values."""

import math
import re
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from PySide6.QtCore import QRegularExpression, Qt, Signal
from PySide6.QtGui import QFocusEvent, QRegularExpressionValidator, QValidator, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit

from engine.core.formatting import plain_number

_MAX_DECIMALS = 8
_SMALL_SHARE = 0.001
AUTO = "auto"
OFF = "off"


class NumberBox(QDoubleSpinBox):
    """A number between limits, whole or not; an optional one may be empty, which shows as `auto`."""

    edited = Signal()

    def __init__(self, low: float, high: float, *, is_whole: bool, is_optional: bool) -> None:
        super().__init__()
        self._is_whole, self._is_optional = is_whole, is_optional
        self._low = low
        self.setDecimals(0 if is_whole else _MAX_DECIMALS)
        # The value below the lowest stands for "empty"; a box of Qt has no such value of its own
        self.setRange(low - 1 if is_optional else low, high)
        if is_optional:
            self.setSpecialValueText(AUTO)
        self._choose_step(low, high)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setKeyboardTracking(False)
        self.valueChanged.connect(self.edited)

    def current_value(self) -> float | int | None:
        """Return the number, or None where an optional one is empty."""
        if self._is_optional and self.value() < self._low:
            return None
        return round(self.value()) if self._is_whole else self.value()

    def show_value(self, value: float | None) -> None:
        """Show a number; nothing is emitted."""
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
        """Show no zeros at the end."""
        return plain_number(value)

    def valueFromText(self, text: str) -> float:
        """Read a number in any usual spelling, `1e-3` and `0,001` too."""
        number = _read_number(text)
        return self.minimum() if number is None else number

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Let half a number stand while it is typed; what is out of limits is mended on leaving."""
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
        """Turn a number outside the limits into the nearest inside."""
        number = _read_number(text)
        if number is None:
            return self.textFromValue(self.value())
        return self.textFromValue(min(max(number, self._low), self.maximum()))

    def stepBy(self, steps: int) -> None:
        """Step from `auto` to the lowest value and never past it by chance."""
        if self._is_optional and self.value() < self._low and steps > 0:
            self.setValue(self._low)
            return
        super().stepBy(steps)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page until the box was chosen: scrolling a form must not change it."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ChoiceBox(QComboBox):
    """One of a few named choices, each with what it does as its tooltip."""

    edited = Signal()

    def __init__(self, choices: tuple[str, ...], help_text: str) -> None:
        super().__init__()
        for row, choice in enumerate(choices):
            self.addItem(choice, choice)
            meaning = re.search(rf"\b{re.escape(choice)}: ([^.]*)\.", help_text)
            if meaning:
                self.setItemData(row, meaning.group(1).capitalize() + ".", Qt.ItemDataRole.ToolTipRole)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.currentIndexChanged.connect(self.edited)

    def current_value(self) -> str:
        """Return the choice."""
        return str(self.currentData())

    def show_value(self, value: str) -> None:
        """Show a choice; nothing is emitted."""
        was_blocked = self.blockSignals(True)
        self.setCurrentIndex(self.findData(value))
        self.blockSignals(was_blocked)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page until the box was chosen."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class SwitchBox(QCheckBox):
    """Yes or no."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.toggled.connect(self.edited)

    def current_value(self) -> bool:
        """Return whether it is checked."""
        return self.isChecked()

    def show_value(self, value: bool) -> None:
        """Check or clear it; nothing is emitted."""
        was_blocked = self.blockSignals(True)
        self.setChecked(value)
        self.blockSignals(was_blocked)


class TextBox(QLineEdit):
    """A line of text, of the form that the setting allows; what is not goes back to what was there."""

    edited = Signal()

    def __init__(self, pattern: str = "") -> None:
        super().__init__()
        self._shown = ""
        if pattern:
            self.setValidator(QRegularExpressionValidator(QRegularExpression(pattern), self))
        self.editingFinished.connect(self._on_editing_finished)

    def current_value(self) -> str:
        """Return the text."""
        return self.text()

    def show_value(self, value: str) -> None:
        """Show a text; nothing is emitted."""
        self._shown = value
        self.setText(value)

    def _on_editing_finished(self) -> None:
        self._shown = self.text()
        self.edited.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take back a text that the setting does not allow."""
        if not self.hasAcceptableInput():
            self.setText(self._shown)
        super().focusOutEvent(event)


Editor: TypeAlias = NumberBox | ChoiceBox | SwitchBox | TextBox


def make_editor(field: FieldInfo) -> Editor:
    """Return an empty editor that fits the field's type and limits, with its help as tooltip and its title as name."""
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
    editor.setToolTip(field.description or "")
    editor.setAccessibleName(field.title or "")
    editor.setAccessibleDescription(field.description or "")
    return editor


def limits(field: FieldInfo, *, is_whole: bool) -> tuple[float, float]:
    """Return the lowest and highest value the field takes; an open end is moved inside by the smallest step."""
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
    step = 1.0 if is_whole else _SMALL_SHARE if high <= 1 else 10.0**-_MAX_DECIMALS
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
