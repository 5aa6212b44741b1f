"""Label and editor of one setting, marked if its chosen value makes a difference to the presets."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from gui import theme
from gui.theme import GRID
from gui.widgets.inputs.editors import Editor
from gui.widgets.labels import StyledLabel

_ICON_SIZE = 16


class FieldLabel(StyledLabel):
    """The title of a setting, bold if it is changed, in all themes."""

    is_changed = False

    def choose_font(self, font: QFont) -> QFont:
        """Return the font, bold for a changed setting."""
        chosen = QFont(font)
        chosen.setBold(self.is_changed)
        return chosen

    def show_changed(self, is_changed: bool) -> None:
        """Mark the setting as changed or not."""
        if is_changed != self.is_changed:
            self.is_changed = is_changed
            self._restyle()

    def changeEvent(self, event: QEvent) -> None:
        """Restore the font, which Qt resets with the style sheet to what it was when the label was first shown."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self.font().bold() != self.is_changed and not self._is_styling:
            self._restyle()


class FieldRow(QWidget):
    """An editor with a button that resets its setting. Button and bold label show that the user changed it."""

    def __init__(self, title: str, help_text: str, editor: Editor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._help = title, help_text
        self.label = FieldLabel(title)
        self.label.setWordWrap(False)
        self.label.setMinimumWidth(14 * GRID)
        self.label.setBuddy(editor)
        self.editor = editor
        self.reset_button = QToolButton(self)
        self.reset_button.setAccessibleName(f"Reset {title}")
        self.reset_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.reset_button.setIconSize(QSize(_ICON_SIZE, _ICON_SIZE))
        self.reset_button.setFixedWidth(_ICON_SIZE + GRID)
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # the editors stay in line
        self.reset_button.setSizePolicy(policy)
        self._draw_icon()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID // 2)
        row.addWidget(editor, 1)
        row.addWidget(self.reset_button)
        self.show_preset("")

    @property
    def is_changed(self) -> bool:
        """True if the row is marked as changed."""
        return self.label.is_changed

    def show_preset(self, preset: str) -> None:
        """Mark the row as changed, with the text of the preset; an empty text removes the mark."""
        self.label.show_changed(bool(preset))
        described = f"{self._help}\nPreset: {preset}." if preset else self._help
        for widget in (self.label, self.editor):
            widget.setToolTip(described)
        self.editor.setAccessibleDescription(described)
        self.label.setAccessibleName(f"{self._title}, changed" if preset else self._title)
        self.reset_button.setVisible(bool(preset))
        self.reset_button.setToolTip(f"Reset to the preset: {preset}" if preset else "")
        self.reset_button.setAccessibleDescription(self.reset_button.toolTip())

    def _draw_icon(self) -> None:
        colour = theme.colors(self.palette()).accent
        self.reset_button.setIcon(theme.pixmap("refresh", colour, _ICON_SIZE))

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icon again when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "reset_button"):
            self._draw_icon()
