"""Tests of the marks and the reset of changed settings."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea
from pytestqt.qtbot import QtBot

from engine.config.settings import RunConfig
from gui import theme
from gui.widgets.inputs.settings_form import SettingsForm

EPOCHS, BUDGET = ("training", "epochs"), ("training", "budget")


@pytest.fixture
def form(frame: QScrollArea) -> SettingsForm:
    form = SettingsForm({"training": ["epochs", "budget", "batch_size"]})
    frame.setWidget(form)
    frame.show()
    return form


def _show_changed(form: SettingsForm) -> None:
    config = RunConfig().changed("training", epochs=5)
    form.show_config(config, {EPOCHS: {EPOCHS: 10, BUDGET: "30s"}})


def test_without_differences_nothing_is_marked_and_reset_is_disabled(form: SettingsForm) -> None:
    assert form.changed_fields() == []
    assert not form.reset_button.isEnabled()
    assert form.row(*EPOCHS).reset_button.isHidden()


def test_a_changed_field_is_bold_and_names_the_presets(form: SettingsForm) -> None:
    _show_changed(form)
    row = form.row(*EPOCHS)
    assert form.changed_fields() == [EPOCHS]
    assert row.label.font().bold()
    assert not form.row(*BUDGET).label.font().bold()
    assert row.reset_button.toolTip() == "Reset to the preset: 10, Time budget 30s"
    assert row.label.accessibleName() == "Epochs, changed"
    assert row.editor.accessibleDescription().endswith("\nPreset: 10, Time budget 30s.")
    assert form.summary.text() == "1\N{NO-BREAK SPACE}setting changed."


def test_the_mark_stays_when_the_theme_changes(form: SettingsForm, qapp: QApplication) -> None:
    theme.apply(qapp, "light")
    _show_changed(form)
    for scheme in ("light", "dark", "light"):
        theme.apply(qapp, scheme)  # type: ignore[arg-type]
        assert form.row(*EPOCHS).label.font().bold()
        assert not form.row(*BUDGET).label.font().bold()
    form.show_config(RunConfig(), {})
    theme.apply(qapp, "light")
    assert not form.row(*EPOCHS).label.font().bold()


def test_a_field_and_the_whole_form_are_reset_by_keyboard(form: SettingsForm, qtbot: QtBot) -> None:
    _show_changed(form)
    for button in (form.row(*EPOCHS).reset_button, form.reset_button):
        with qtbot.waitSignal(form.reset_requested) as caught:
            qtbot.keyClick(button, Qt.Key.Key_Space)
        assert caught.args == [[EPOCHS]]


def test_marks_disappear_when_the_presets_are_shown_again(form: SettingsForm) -> None:
    _show_changed(form)
    form.show_config(RunConfig(), {})
    assert form.changed_fields() == []
    assert form.row(*EPOCHS).label.accessibleName() == "Epochs"
    assert "Preset" not in form.row(*EPOCHS).editor.accessibleDescription()


def test_editors_keep_their_place_when_a_field_is_marked(form: SettingsForm, qtbot: QtBot) -> None:
    width = form.editor(*EPOCHS).width()
    _show_changed(form)
    qtbot.waitUntil(form.row(*EPOCHS).reset_button.isVisible)
    assert form.editor(*EPOCHS).width() == width


def test_each_label_belongs_to_its_editor(form: SettingsForm) -> None:
    labels = {label.text(): label.buddy() for label in form.findChildren(QLabel) if label.buddy() is not None}
    assert labels["Epochs"] is form.editor(*EPOCHS)
    assert labels["Time budget"] is form.editor(*BUDGET)
