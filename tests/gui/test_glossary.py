"""Tests of the glossary and of the ways to open it."""

import pytest
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from gui.glossary import GlossaryDialog
from gui.main_window import MainWindow
from gui.preferences import Preferences

# The offscreen platform logs this for any second window
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def test_the_glossary_is_rendered_and_searched(qtbot: QtBot) -> None:
    glossary = GlossaryDialog()
    qtbot.addWidget(glossary)
    assert "**" not in glossary.text.toPlainText()
    for term in ("Calibration", "Confusion matrix", "Learning curve", "Weight decay"):
        assert term.casefold() in glossary.text.toPlainText().casefold()
    glossary.search.setText("recall")
    first = glossary.text.textCursor().position()
    assert glossary.text.textCursor().selectedText().casefold() == "recall"
    glossary._find_next()
    assert glossary.text.textCursor().position() > first
    glossary.search.setText("no such term")
    assert not glossary.text.textCursor().hasSelection()


def test_sidebar_and_about_dialog_open_the_glossary(qtbot: QtBot) -> None:
    window = MainWindow(Preferences())
    qtbot.addWidget(window)
    next(button for button in window.sidebar.findChildren(QToolButton) if button.text() == "Glossary").click()
    assert len(window.findChildren(GlossaryDialog)) == 1
    about = window.show_about()
    about.glossary_button.click()
    assert len(window.findChildren(GlossaryDialog)) == 2
