"""Labels of the three sizes and the quiet colour, which follow the palette and the font of the system."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QLabel, QWidget

from gui import theme
from gui.plain_text import as_plain


class StyledLabel(QLabel):
    """A label that wraps and takes its colour and size from the theme again whenever those change."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._is_styling = False
        self.setTextFormat(Qt.TextFormat.PlainText)  # it may hold the name of a file or a class, which may be anything
        self.setWordWrap(True)
        self._restyle()

    def choose_font(self, font: QFont) -> QFont:
        """Return the label's font, made from that of the window."""
        return font

    def choose_colour(self, colors: theme.Colors) -> QColor:
        """Return the label's colour."""
        return QColor(colors.text)

    def setToolTip(self, text: str) -> None:
        """Take what the pointer is told, as it is."""
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
        """Follow light and dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and not getattr(self, "_is_styling", True):
            self._restyle()


class TitleLabel(StyledLabel):
    """The sentence of a page."""

    def choose_font(self, font: QFont) -> QFont:
        """Take the large size."""
        return theme.title_font(font)


class HeadingLabel(StyledLabel):
    """The name of a part of a page."""

    def choose_font(self, font: QFont) -> QFont:
        """Take the strong weight."""
        bold = QFont(font)
        bold.setBold(True)
        return bold


class MutedLabel(StyledLabel):
    """A note beside something more important."""

    def choose_font(self, font: QFont) -> QFont:
        """Take the small size."""
        return theme.small_font(font)

    def choose_colour(self, colors: theme.Colors) -> QColor:
        """Take the quiet colour."""
        return QColor(colors.muted)


class NoteLabel(MutedLabel):
    """A calm warning."""

    def choose_colour(self, colors: theme.Colors) -> QColor:
        """Take the colour of warnings."""
        return QColor(colors.warning)
