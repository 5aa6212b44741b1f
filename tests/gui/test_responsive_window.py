"""Tests that work is done off the GUI thread, in the real window."""

import threading
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.audit import review_queue
from engine.audit.findings import Audit, DuplicateGroup
from engine.core.events import Event
from engine.data.dataset import scan
from engine.data.label_overrides import read_decisions
from engine.results import comparison
from engine.results.evaluation import Unreadable, read_evaluation, write_evaluation
from engine.runs import run_comparison
from engine.runs.run_folder import Run, create_run
from gui.main_window import RESULTS, RUNS, MainWindow
from gui.models import dataset_summary, run_record, run_results
from gui.operations import labels
from gui.widgets.plots import matrix_cells
from tests.gui.large_data import make_dataset, make_evaluation
from tests.gui.window_jobs import wait_for_jobs
from tests.images import write_classes
from tests.scratch_config import scratch_config

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform logs this for any window


def _record_threads(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[str]:
    """Replace a function by one that also records the thread of each call."""
    threads: list[str] = []
    function = getattr(module, name)

    def recorded(*arguments: object, **named: object) -> object:
        is_gui = threading.current_thread() is threading.main_thread()
        threads.append("GUI" if is_gui else "job")
        return function(*arguments, **named)

    monkeypatch.setattr(module, name, recorded)
    return threads


def test_opening_splitting_and_training_split_in_jobs(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = _record_threads(monkeypatch, dataset_summary, "split")
    summarized = _record_threads(monkeypatch, dataset_summary, "summarize_dataset")
    monkeypatch.setattr(jobs, "train", lambda *_: iter(()))
    window.open_paths([write_classes(tmp_path / "data", {"red": 6, "blue": 6})])
    wait_for_jobs(qtbot, window)
    num_opened = len(threads)
    assert num_opened >= 2  # before and after the check
    window.dataset_page.split_box.percent.setValue(50)
    wait_for_jobs(qtbot, window)
    assert window.state.dataset is not None
    assert len(window.state.dataset.of_split("val")) == 6
    window.dataset_page.train_button.click()
    window.train_page.train_button.click()
    wait_for_jobs(qtbot, window)
    assert len(threads) >= num_opened + 2
    assert set(threads) == set(summarized) == {"job"}


def test_two_runs_are_read_and_compared_in_a_job(
    window: MainWindow, qtbot: QtBot, evaluated_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_run(evaluated_run.path.with_name("data 2"), scratch_config(), evaluated_run.dataset)
    write_evaluation(read_evaluation(evaluated_run.results_path), other.results_path)
    tests = _record_threads(monkeypatch, comparison, "mcnemar_p_value")
    read = _record_threads(monkeypatch, run_comparison, "read_evaluation")
    records = _record_threads(monkeypatch, run_record, "read_record")
    window.show_page(RUNS)
    wait_for_jobs(qtbot, window)
    window.runs_page.table.selectAll()
    wait_for_jobs(qtbot, window)
    assert "not significant" in window.runs_page.comparison.text()
    assert tests == ["job"]
    assert read == ["job", "job"]
    assert set(records) == {"job"}


def test_painting_a_confusion_matrix_does_not_depend_on_the_number_of_classes(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Count what a visit of the page and a mouse move measure and paint, with 150 classes and with 600."""
    counts = {"measured": 0, "painted": 0}
    measure, paint = QFontMetrics.horizontalAdvance, matrix_cells._fills

    def count_measured(*arguments: object) -> int:
        counts["measured"] += 1
        return measure(*arguments)  # type: ignore[arg-type]

    def count_painted(colors: object, cells: np.ndarray, totals: object) -> object:
        counts["painted"] += cells.size
        return paint(colors, cells, totals)  # type: ignore[arg-type]

    monkeypatch.setattr(QFontMetrics, "horizontalAdvance", count_measured)
    monkeypatch.setattr(matrix_cells, "_fills", count_painted)
    numbers = []
    for num_classes in (150, 600):
        dataset = make_dataset(tmp_path, num_classes, 1200)
        run = create_run(tmp_path / f"run {num_classes}", scratch_config(), dataset)
        write_evaluation(make_evaluation(dataset, 0), run.results_path)
        counts.update(measured=0, painted=0)
        window.show_page(RESULTS)
        window.operations.runs.open(run)
        wait_for_jobs(qtbot, window)
        view = window.results_page.confusion.viewport()
        qtbot.waitUntil(lambda: counts["painted"] > 0, timeout=20_000)
        for x in range(200, 300, 10):
            qtbot.mouseMove(view, QPoint(x, 200))
            qtbot.wait(1)
        numbers.append((counts["measured"], counts["painted"]))
    (measured_few, painted_few), (measured_many, painted_many) = numbers
    assert measured_many <= 2 * measured_few + 100
    assert painted_many <= 2 * painted_few
    assert window.minimumSizeHint().height() < 800  # the matrix is scrolled and does not enlarge the window


def test_results_are_read_and_sorted_in_a_job(
    window: MainWindow, qtbot: QtBot, evaluated_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _record_threads(monkeypatch, run_results, "read_evaluation")
    window.operations.runs.open(evaluated_run)
    wait_for_jobs(qtbot, window)
    assert "75" in window.results_page.title.text()
    assert read
    assert set(read) == {"job"}


def _write_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a dataset whose 12 images the audit calls unreadable, so that all are in the review queue."""
    root = write_classes(tmp_path / "data", {"red": 6, "blue": 6})
    paths = [sample.path for sample in scan(root).samples]
    audit = Audit(unreadable=tuple(Unreadable(path=path, reason="This file is empty.") for path in paths))
    monkeypatch.setattr(jobs, "check", lambda *_: _return(audit))
    return root


def test_keys_in_review_are_written_in_order_in_a_job(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _write_unreadable(tmp_path, monkeypatch)
    writes = _record_threads(monkeypatch, labels, "append_decision")
    reads = _record_threads(monkeypatch, labels, "read_decisions")
    builds = _record_threads(monkeypatch, labels, "build_queue")
    window.open_paths([root])
    wait_for_jobs(qtbot, window)
    page = window.dataset_page
    page.tabs.setCurrentWidget(page.review)
    shown = [item.path for item in page.review.items]
    assert len(shown) == 12
    for key in (Qt.Key.Key_X, Qt.Key.Key_K, Qt.Key.Key_1, Qt.Key.Key_2):
        qtbot.keyClick(page.review, key)
    assert [item.path for item in page.review.items] == shown[4:]  # at once, before anything is written
    wait_for_jobs(qtbot, window)
    assert list(read_decisions(root)) == shown[:4]
    assert [item.path for item in page.review.items] == shown[4:]
    assert set(writes) == set(reads) == set(builds) == {"job"}


def test_decisions_are_written_before_the_window_closes(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _write_unreadable(tmp_path, monkeypatch)
    window.open_paths([root])
    wait_for_jobs(qtbot, window)
    page = window.dataset_page
    page.tabs.setCurrentWidget(page.review)
    for _ in range(5):
        qtbot.keyClick(page.review, Qt.Key.Key_K)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert len(read_decisions(root)) == 5


def _return(value: object) -> Generator[Event, None, object]:
    yield from ()
    return value


def test_building_the_review_queue_is_linear_in_the_number_of_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    equal = DuplicateGroup.__eq__

    def count_compared(self: DuplicateGroup, other: object) -> bool:
        nonlocal compared
        compared += 1
        return equal(self, other)

    monkeypatch.setattr(DuplicateGroup, "__eq__", count_compared)
    dataset = make_dataset(Path("/data"), 2, 2000)
    names = [sample.path for sample in dataset.samples]
    groups = [(names[number], names[number + 1000]) for number in range(1000)]
    audit = Audit(
        duplicates=tuple(
            DuplicateGroup(paths=paths, kind="exact", is_conflict=True, crosses_splits=False) for paths in groups
        )
    )
    assert len(review_queue.build_queue(dataset, audit, (), ())) == 2000
    assert compared == 0
