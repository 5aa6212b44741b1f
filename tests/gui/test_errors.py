"""Tests of the error bar."""

import os
import platform
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from engine import __version__
from engine.core.errors import EngineError
from engine.runs.image_folder import ImagesMissingError
from engine.runs.run_folder import Run
from gui.errors import ErrorBar

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform logs this for any window


def _make_error() -> Exception:
    try:
        raise EngineError("The disk is full.", Path("/photos")) from OSError(28, "No space left on device")
    except EngineError as error:
        return error


def test_missing_images_can_be_found_from_the_error(qtbot: QtBot, tmp_path: Path) -> None:
    bar, run = ErrorBar(), Run(tmp_path / "run")
    qtbot.addWidget(bar)
    bar.show_error(_make_error())
    assert bar.find_button.isHidden()
    bar.show_error(ImagesMissingError(run, tmp_path / "gone"))
    assert not bar.find_button.isHidden()
    with qtbot.waitSignal(bar.images_requested) as signal:
        bar.find_button.click()
    assert signal.args == [run]


def test_copied_details_contain_versions_and_cause_but_no_environment_variables(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    bar = ErrorBar()
    qtbot.addWidget(bar)
    bar.show_error(_make_error())
    assert bar.label.text() == "The disk is full. (/photos)"
    bar.copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert f"Classifold {__version__}, Python {platform.python_version()}, {platform.platform()}" in text
    assert "No space left on device" in text
    assert "EngineError: The disk is full." in text
    assert not any(value in text for name, value in os.environ.items() if name == "API_TOKEN")
