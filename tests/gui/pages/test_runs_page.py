"""Tests of the Runs page."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from engine.core.paths import default_runs_folder
from engine.results.evaluation import (
    read_evaluation,
    write_evaluation,
)
from engine.runs.run_folder import Run, create_run
from gui.main_window import MainWindow
from gui.operations import Operations
from gui.pages.runs_page import RunsPage
from gui.preferences import Preferences
from gui.state import AppState
from tests.scratch_config import scratch_config


def test_settings_can_be_reused(
    qtbot: QtBot, state: AppState, operations: Operations, evaluated_run: Run, settle: Callable[[], None]
) -> None:
    state.set_config(scratch_config().changed("training", epochs=99))
    page = RunsPage(state, operations)
    qtbot.addWidget(page)
    page.refresh()
    settle()
    assert not page.open_button.isEnabled()
    page.table.selectRow(0)
    assert page.selected_runs() == [evaluated_run]
    with qtbot.waitSignal(page.settings_reused):
        page.settings_button.click()
    settle()
    assert state.config == evaluated_run.config


def test_the_images_of_a_run_can_be_found_again(
    qtbot: QtBot, evaluated_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = MainWindow(Preferences())
    qtbot.addWidget(window)
    window.state.set_run(evaluated_run)
    window.runs_page.refresh()
    qtbot.waitUntil(lambda: not window.operations.running_jobs, timeout=20_000)
    evaluated_run.dataset.root.rename(tmp_path / "moved")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "moved"))
    window.runs_page.table.selectRow(0)
    window.runs_page.find_button.click()
    qtbot.waitUntil(lambda: not window.operations.running_jobs, timeout=20_000)
    assert evaluated_run.dataset.root == tmp_path / "moved"
    assert Path(read_evaluation(evaluated_run.results_path).root) == tmp_path / "moved"


def test_two_selected_runs_are_compared_on_the_same_images(
    qtbot: QtBot, state: AppState, operations: Operations, evaluated_run: Run, settle: Callable[[], None]
) -> None:
    other = create_run(default_runs_folder() / "data 2", scratch_config(), evaluated_run.dataset)
    write_evaluation(read_evaluation(evaluated_run.results_path), other.results_path)
    page = RunsPage(state, operations)
    qtbot.addWidget(page)
    page.refresh()
    settle()
    page.table.selectAll()
    settle()
    assert "not significant" in page.comparison.text()
    page.table.selectRow(0)
    assert not page.comparison.text()
