"""Tests of interrupted runs: they are offered, resumed or dismissed."""

import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.events import Best, Event, RunDone
from engine.core.formatting import percent
from engine.core.locks import locked
from engine.core.paths import default_runs_folder
from engine.runs.run_folder import Run, interrupted_runs
from gui.formatting import interruption_text
from gui.main_window import DATASET, TRAIN, MainWindow
from gui.models.run_record import read_record
from gui.operations import Operations
from gui.pages.runs_page import RunsPage
from gui.state import AppState
from gui.widgets.resume_panel import ResumePanel
from tests.event_logs import CONFIG, append_events, epoch_done, make_run, run_started
from tests.images import write_classes

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform logs this for any window


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", {"red": 6, "blue": 6})


@pytest.fixture
def run(root: Path) -> Run:
    """A run that was interrupted after its second epoch."""
    return make_run(root, "data 1", epoch_done(1), epoch_done(2))


def _press(window: MainWindow, name: str) -> None:
    buttons = window.dataset_page.resume_panel.findChildren(QPushButton)
    next(button for button in buttons if button.accessibleName() == name).click()


def test_the_text_of_an_interrupted_run_contains_its_last_epoch(run: Run, root: Path) -> None:
    assert (
        interruption_text(run.name, run.history, CONFIG) == "The training “data 1” was interrupted after epoch 2 of 4."
    )
    with_budget = CONFIG.changed("training", budget="5m")
    assert (
        interruption_text(run.name, run.history, with_budget) == "The training “data 1” was interrupted after epoch 2."
    )
    begun = make_run(root, "data 2")
    assert "in its first epoch" in interruption_text(begun.name, begun.history, CONFIG)


def test_the_start_page_offers_interrupted_runs_and_dismisses_them(run: Run, window: MainWindow, qtbot: QtBot) -> None:
    panel = window.dataset_page.resume_panel
    qtbot.waitUntil(panel.isVisible, timeout=20_000)
    _press(window, "Dismiss data 1")
    qtbot.waitUntil(panel.isHidden, timeout=20_000)
    assert interrupted_runs(default_runs_folder()) == []
    assert read_record(run).state == "stopped"


def test_a_start_without_interrupted_runs_offers_nothing(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.dataset_page._has_searched and not window.operations.running_jobs, timeout=20_000)
    assert window.dataset_page.resume_panel.isHidden()


def test_at_most_three_runs_are_offered_and_the_others_counted(root: Path, qtbot: QtBot) -> None:
    panel = ResumePanel()
    qtbot.addWidget(panel)
    runs = [make_run(root, f"data {number}", epoch_done(1)) for number in range(5)]
    panel.show_records([read_record(run) for run in runs])
    assert len(panel._rows) == 3
    assert "2" in panel.more.text()
    for run in runs[:2]:
        panel.remove(run)
    assert len(panel._rows) == 3
    assert panel.more.isHidden()


def test_resuming_shows_the_curve_so_far_and_continues_it(
    run: Run, window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()

    def resume(path: Path) -> Generator[Event, None, Run]:
        yield run_started(run)
        may_go_on.wait(20)
        yield epoch_done(3)
        yield epoch_done(4)
        best = Best(epoch=4, accuracy=0.9, loss=1)
        append_events(run, epoch_done(3), epoch_done(4), RunDone(model="m", best=best, seconds=4, stopped=False))
        return run

    monkeypatch.setattr(jobs, "resume", resume)
    qtbot.waitUntil(window.dataset_page.resume_panel.isVisible, timeout=20_000)
    with qtbot.waitSignal(window.state.training_changed, timeout=20_000):
        _press(window, "Resume data 1")
    assert window.stack.currentIndex() == TRAIN
    assert [epoch.epoch for epoch in window.train_page.plot.history.epochs] == [1, 2]
    assert window.state.config == CONFIG
    qtbot.waitUntil(lambda: "12\N{NO-BREAK SPACE}images" in window.train_page.note.text(), timeout=20_000)
    may_go_on.set()
    qtbot.waitUntil(lambda: window.state.training is None, timeout=20_000)
    assert [epoch.epoch for epoch in window.train_page.plot.history.epochs] == [1, 2, 3, 4]
    assert window.state.run == run
    assert percent(epoch_done(4).val.accuracy) in window.train_page.title.text()
    window.show_page(DATASET)
    qtbot.waitUntil(lambda: not window.operations.running_jobs, timeout=20_000)
    assert window.dataset_page.resume_panel.isHidden()


def test_a_run_stopped_in_the_window_can_be_resumed_to_its_end(window: MainWindow, root: Path, qtbot: QtBot) -> None:
    window.open_paths([root])
    qtbot.waitUntil(lambda: window.state.dataset is not None and not window.operations.running_jobs, timeout=20_000)
    window.state.set_config(CONFIG.changed("training", epochs=15))
    window.train_page.train_button.click()
    qtbot.waitUntil(lambda: len(window.train_page.plot.history.epochs) >= 1, timeout=60_000)
    window.operations.runs.stop()
    qtbot.waitUntil(lambda: not window.operations.running_jobs, timeout=60_000)
    run = window.state.run
    assert run is not None
    num_before = len(run.history.epochs)
    page = window.runs_page
    window.show_page(4)
    qtbot.waitUntil(lambda: page.model.rowCount() == 1 and not page.is_reading(), timeout=20_000)
    page.table.selectRow(0)
    with qtbot.waitSignal(window.state.training_changed, timeout=20_000):
        page.resume_button.click()
    qtbot.waitUntil(lambda: not window.operations.running_jobs, timeout=120_000)
    assert window.error_bar.isHidden()
    assert [epoch.epoch for epoch in run.history.epochs] == list(range(1, 16))
    assert num_before < 15
    assert run.is_finished


@pytest.mark.parametrize("reason", ["gone", "elsewhere", "over"])
def test_a_run_that_cannot_be_resumed_shows_an_error(
    reason: str, run: Run, root: Path, window: MainWindow, qtbot: QtBot
) -> None:
    if reason == "gone":
        root.rename(root.with_name("moved"))
    if reason == "over":
        append_events(run, RunDone(model="m", seconds=4, stopped=False))
    message = {
        "gone": "images of this run are no longer in this folder",
        "elsewhere": "Another window",
        "over": "is finished",
    }[reason]
    if reason == "elsewhere":
        with locked(run.path):
            window.train_page.resume(run)
            qtbot.waitUntil(window.error_bar.isVisible, timeout=20_000)
    else:
        window.train_page.resume(run)
    qtbot.waitUntil(lambda: not window.operations.running_jobs, timeout=20_000)
    assert message in window.error_bar.label.text()
    assert window.error_bar.isVisible()
    assert window.state.training is None


def test_the_runs_page_offers_resuming_by_the_state_of_a_run(root: Path, qtbot: QtBot) -> None:
    done, stopped = (RunDone(model="m", seconds=4, stopped=is_stopped) for is_stopped in (False, True))
    runs = {
        "interrupted": make_run(root, "a", epoch_done(1)),
        "stopped": make_run(root, "b", epoch_done(1), stopped),
        "done": make_run(root, "c", epoch_done(1), done),
        "running": make_run(root, "d", epoch_done(1)),
    }
    state = AppState()
    page = RunsPage(state, Operations(state, state))
    state.setParent(page)
    qtbot.addWidget(page)
    with locked(runs["running"].path):
        page.show()
        qtbot.waitUntil(lambda: not page.is_reading(), timeout=20_000)
        offered = {}
        for row in range(4):
            page.table.selectRow(row)
            (chosen,) = page.selected_runs()
            record = page.model.record(chosen)
            assert record is not None
            assert runs[record.state] == chosen
            offered[record.state] = page.resume_button.isEnabled()
    assert offered == {"interrupted": True, "stopped": True, "done": False, "running": False}
    page.hide()
    page.show()
    qtbot.waitUntil(lambda: page.model.record(runs["running"]).state == "interrupted", timeout=20_000)


def test_a_running_run_is_not_deleted(run: Run, qtbot: QtBot) -> None:
    state = AppState()
    operations = Operations(state, state)
    with locked(run.path), qtbot.waitSignal(operations.runner.failed, timeout=20_000) as caught:
        operations.runs.delete(run)
    qtbot.waitUntil(lambda: not operations.running_jobs, timeout=20_000)
    assert "still running" in caught.args[0].message
    assert run.config_path.is_file()
