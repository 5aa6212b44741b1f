"""Labels for titles, headings, notes and warnings that follow the palette and the system font."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QLabel, QWidget

from gui import theme
from gui.plain_text import as_plain


class StyledLabel(QLabel):
    """A wrapping label that updates its colour and font when the theme changes."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._is_styling = False
        self.setTextFormat(Qt.TextFormat.PlainText)  # file and class names may contain markup
        self.setWordWrap(True)
        self._restyle()

    def choose_font(self, font: QFont) -> QFont:
        """Return the font of the label, derived from the font of the window."""
        return font

    def choose_colour(self, colors: theme.Colors) -> QColor:
        """Return the text colour of the label."""
        return QColor(colors.text)

    def setToolTip(self, text: str) -> None:
        """Set the tooltip as plain text."""
        super().setToolTip(as_plain(text))

    def _restyle(self) -> None:
        self._is_styling = True
        parent = self.parentWidget()
        base = parent.font() if parent is not None else QLabel().font()
        self.setFont(self.choose_font(base))
        palette = self.palette()
        colour = self.choose_colour(theme.colors(palette))
        if palette.color(self.foregroundRole()) != colour:
            palette.setColor(self.foregroundRole(), colour)
            self.setPalette(palette)
        self._is_styling = False

    def changeEvent(self, event: QEvent) -> None:
        """Restyle the label when the palette changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and not getattr(self, "_is_styling", True):
            self._restyle()


class TitleLabel(StyledLabel):
    """The title of a page."""

    def choose_font(self, font: QFont) -> QFont:
        """Return the large font."""
        return theme.title_font(font)


class HeadingLabel(StyledLabel):
    """The heading of a section."""

    def choose_font(self, font: QFont) -> QFont:
        """Return the bold font."""
        bold = QFont(font)
        bold.setBold(True)
        return bold


class MutedLabel(StyledLabel):
    """A secondary note."""

    def choose_font(self, font: QFont) -> QFont:
        """Return the small font."""
        return theme.small_font(font)

    def choose_colour(self, colors: theme.Colors) -> QColor:
        """Return the muted colour."""
        return QColor(colors.muted)


class NoteLabel(MutedLabel):
    """A warning."""

    def choose_colour(self, colors: theme.Colors) -> QColor:
        """Return the warning colour."""
        return QColor(colors.warning)
