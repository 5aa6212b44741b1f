"""Tests of the editors of single settings."""

from pytestqt.qtbot import QtBot

from engine.config.settings import TrainingConfig
from gui.widgets.inputs.editors import ChoiceBox, help_text, make_editor


def test_a_choice_shows_a_label_and_returns_the_value_of_the_setting(qtbot: QtBot) -> None:
    editor = make_editor(TrainingConfig.model_fields["mode"])
    qtbot.addWidget(editor)
    assert isinstance(editor, ChoiceBox)
    assert [editor.itemText(row) for row in range(editor.count())] == [
        "All layers",
        "Classifier only",
        "Last block, cached",
    ]
    editor.show_value("head")
    assert editor.currentText() == "Classifier only"
    assert editor.current_value() == "head"


def test_the_help_of_a_choice_names_the_labels() -> None:
    text = help_text(TrainingConfig.model_fields["mode"])
    assert "Classifier only: " in text
    assert "head: " not in text
