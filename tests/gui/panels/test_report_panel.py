"""Tests of the report panel."""

from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.data.dataset import Dataset, Sample
from engine.runs.run_folder import Run, create_run
from gui.operations import Operations
from gui.panels.report_panel import ReportPanel
from gui.state import AppState
from tests.scratch_config import scratch_config


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = create_run(tmp_path / "run", scratch_config(), Dataset(tmp_path, ("ant", "bee"), (Sample("a", 0),)))
    run.model_path.write_bytes(b"x")
    run.results_path.write_text("{}")
    return run


@pytest.fixture
def page(qtbot: QtBot) -> QWidget:
    page = QWidget()
    qtbot.addWidget(page)
    return page


@pytest.fixture
def panel(page: QWidget) -> ReportPanel:
    state = AppState(page)
    return ReportPanel(state, Operations(state, state), page)


def test_a_report_is_offered_when_there_are_results(panel: ReportPanel, run: Run) -> None:
    assert panel.isHidden()
    panel._state.set_run(run)
    assert not panel.isHidden()
    assert panel.open_button.isHidden()


def test_a_saved_report_can_be_opened(
    panel: ReportPanel, run: Run, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bees.html"

    def write(of: Run, path: Path) -> jobs.EventStream[Path]:
        assert (of, path) == (run, target)
        yield from ()
        return path

    opened: list[str] = []
    monkeypatch.setattr(jobs, "report", write)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    panel._state.set_run(run)
    panel.save_button.click()
    assert not panel.save_button.isEnabled()
    qtbot.waitUntil(lambda: panel.save_button.isEnabled())
    assert panel.open_button.text() == "Open bees.html"
    panel.open_button.click()
    assert opened == [str(target)]
    panel._state.set_run(None)
    assert panel.open_button.isHidden()


def test_a_cancelled_dialog_writes_nothing(panel: ReportPanel, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    panel._state.set_run(run)
    panel.save_button.click()
    assert not panel._operations.running_jobs
    assert panel.save_button.isEnabled()
