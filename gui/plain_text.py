"""Show names and paths as what they are: Qt takes text that looks like HTML for HTML, and `&` for an underline."""

from html import escape

from PySide6.QtGui import Qt


def as_plain(text: str) -> str:
    """Return `text` such that a tooltip or a message box shows it letter by letter."""
    return f"<p style='white-space: pre-wrap'>{escape(text)}</p>" if Qt.mightBeRichText(text) else text


def as_button_text(text: str) -> str:
    """Return `text` such that a button or a menu underlines none of it."""
    return text.replace("&", "&&")
