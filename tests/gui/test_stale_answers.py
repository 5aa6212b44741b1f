"""Tests that only the answer to the latest request is shown, in the real window."""

import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Progress
from engine.data import splits
from engine.data.dataset import Dataset, scan
from engine.results.evaluation import read_evaluation, write_evaluation
from engine.runs.run_folder import Run, create_run
from gui.main_window import PREDICT, MainWindow
from gui.models import run_results
from tests.gui.window_jobs import wait_for_jobs
from tests.images import write_classes
from tests.scratch_config import scratch_config

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform logs this for any window


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the real engine."""
    folder = tmp_path_factory.mktemp("trained")
    dataset = splits.split(scan(write_classes(folder / "data", {"red": 10, "blue": 10})), 0.4, 0)
    config = scratch_config().changed("data", image_size=32)
    config = config.changed("training", epochs=1, batch_size=8, device="cpu", precision="float32")
    return run_to_end(jobs.train(dataset, config, folder / "run"))


def test_arrow_keys_held_down_while_images_are_explained_show_the_last_one(
    window: MainWindow, qtbot: QtBot, trained_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most, explained = 0, 0, []
    explain = jobs.explain

    def count_explanations(model: Path, image: Path, label: str | None) -> Generator[Event, None, object]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        explained.append(image.name)
        try:
            return (yield from explain(model, image, label))
        finally:
            at_once -= 1

    monkeypatch.setattr(jobs, "explain", count_explanations)
    page = window.predict_page
    window.operations.runs.open(trained_run)
    wait_for_jobs(qtbot, window)
    root = trained_run.dataset.root
    window.show_page(PREDICT)
    page.classify([root / "red", root / "blue"])
    wait_for_jobs(qtbot, window)
    page.prediction_view.why_button.click()
    for _ in range(2 * page.model.rowCount()):
        qtbot.keyClick(page.table, Qt.Key.Key_Down)
    wait_for_jobs(qtbot, window)
    assert not window.error_bar.isVisible()
    assert page.prediction_view.view.has_heatmap
    assert explained[-1] == Path(page.model.predictions[-1].path).name
    assert most == 1
    assert len(explained) < page.model.rowCount()


def test_opening_a_large_folder_and_then_another_ends_on_the_other(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = (write_classes(tmp_path / name, {"red": 4, "blue": 4}) for name in ("large", "small"))
    may_end, scan_job = threading.Event(), jobs.scan

    def scan_slowly(root: Path) -> Generator[Event, None, Dataset]:
        if root == large:  # one class that takes long, so that the job cannot be stopped
            yield Progress(stage="scan", done=0, total=0)
            may_end.wait(30)
        return (yield from scan_job(root))

    monkeypatch.setattr(jobs, "scan", scan_slowly)
    window.open_paths([large])
    window.open_paths([small])
    qtbot.waitUntil(lambda: window.state.dataset is not None, timeout=20_000)
    may_end.set()
    wait_for_jobs(qtbot, window)
    assert window.state.dataset is not None
    assert window.state.dataset.root == small
    assert window.dataset_page.title.text() == "small"


def test_the_error_of_a_folder_that_nobody_waits_for_is_not_shown(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, small = tmp_path / "empty", write_classes(tmp_path / "small", {"red": 4, "blue": 4})
    empty.mkdir()
    may_end, scan_job = threading.Event(), jobs.scan

    def scan_slowly(root: Path) -> Generator[Event, None, Dataset]:
        if root == empty:
            may_end.wait(30)
        return (yield from scan_job(root))

    monkeypatch.setattr(jobs, "scan", scan_slowly)
    window.operations.datasets.open(empty)
    window.operations.datasets.open(small)
    qtbot.waitUntil(lambda: window.state.dataset is not None, timeout=20_000)
    may_end.set()
    wait_for_jobs(qtbot, window)
    assert not window.error_bar.isVisible()


def test_opening_a_run_whose_results_take_long_and_then_another_ends_on_the_other(
    window: MainWindow, qtbot: QtBot, evaluated_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_run(evaluated_run.path.with_name("data 2"), scratch_config(), evaluated_run.dataset)
    write_evaluation(read_evaluation(evaluated_run.results_path), other.results_path)
    may_end, read = threading.Event(), run_results.read_evaluation

    def read_slowly(path: Path) -> object:
        if path == evaluated_run.results_path:
            may_end.wait(30)
        return read(path)

    monkeypatch.setattr(run_results, "read_evaluation", read_slowly)
    window.operations.runs.open(evaluated_run)
    window.operations.runs.open(other)
    qtbot.waitUntil(lambda: "data 2" in window.results_page.note.text(), timeout=20_000)
    may_end.set()
    wait_for_jobs(qtbot, window)
    assert window.results_page.note.text().startswith("data 2")
