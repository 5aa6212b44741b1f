"""Escape names and paths for Qt, which renders text that looks like HTML and turns `&` into an underline."""

from html import escape

from PySide6.QtGui import Qt


def as_plain(text: str) -> str:
    """Return `text` escaped so that a tooltip or a message box shows it unchanged."""
    return f"<p style='white-space: pre-wrap'>{escape(text)}</p>" if Qt.mightBeRichText(text) else text


def as_button_text(text: str) -> str:
    """Return `text` escaped so that a button or a menu shows it without underlines."""
    return text.replace("&", "&&")
