"""Fixtures for tests of the window, and a check that no test leaves a thread running."""

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QThread
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from engine.core.paths import default_runs_folder
from engine.data.dataset import scan
from engine.results.confusion_matrix import ClassResult
from engine.results.evaluation import (
    Evaluation,
    ImageResult,
    write_evaluation,
)
from engine.runs.run_folder import Run, create_run
from gui.app import make_window
from gui.main_window import MainWindow
from gui.operations import Operations
from gui.state import AppState
from tests.images import write_classes
from tests.scratch_config import scratch_config


@pytest.fixture(autouse=True)
def check_threads(qtbot: QtBot) -> Iterator[None]:
    """Fail if a Python or Qt thread of the test is still running after its widgets are gone."""
    before = set(threading.enumerate())
    # Objects that exist already, a million once torch is imported, are not searched for the widgets of this test
    gc.freeze()
    yield
    gc.collect()
    qtbot.waitUntil(lambda: not _running_threads(before), timeout=10_000)


@pytest.fixture
def frame(qtbot: QtBot) -> Iterator[QScrollArea]:
    """Return a hidden window whose size does not follow its content."""
    frame = QScrollArea()
    qtbot.addWidget(frame)
    frame.resize(900, 500)
    frame.setWidgetResizable(True)
    yield frame
    frame.close()


@pytest.fixture
def window(qapp: QApplication, qtbot: QtBot) -> Iterator[MainWindow]:
    """Return the main window; its jobs are stopped at the end."""
    window = make_window(qapp)
    window.resize(1280, 800)
    window.show()
    yield window
    window.operations.shut_down()
    qtbot.waitUntil(lambda: not window.operations.running_jobs, timeout=60_000)
    window.close()
    window.deleteLater()


@pytest.fixture
def state(qtbot: QtBot) -> AppState:
    return AppState()


@pytest.fixture
def operations(state: AppState) -> Operations:
    return Operations(state, state)


@pytest.fixture
def settle(qtbot: QtBot, operations: Operations) -> Callable[[], None]:
    """Return a function that waits until all jobs have ended and their answers have been shown."""
    return lambda: qtbot.waitUntil(lambda: not operations.running_jobs, timeout=20_000)


@pytest.fixture
def evaluated_run(tmp_path: Path) -> Run:
    """A finished run on four images, one of which is misclassified."""
    root = write_classes(tmp_path / "data", {"ant": 2, "bee": 2})
    run = create_run(default_runs_folder() / "data 1", scratch_config(), scan(root))
    images = tuple(
        ImageResult(path=path, label=path[:3], predicted=predicted, confidence=0.9)
        for path, predicted in (
            ("ant/000.png", "ant"),
            ("ant/001.png", "bee"),
            ("bee/000.png", "bee"),
            ("bee/001.png", "bee"),
        )
    )
    rows = tuple(ClassResult(name=name, precision=1, recall=0.5, f1=0.67, num_images=2) for name in ("ant", "bee"))
    evaluation = Evaluation(
        root=str(root),
        classes=("ant", "bee"),
        loss=0.5,
        accuracy=0.75,
        top5=1,
        confusion=((1, 1), (0, 2)),
        per_class=rows,
        images=images,
    )
    write_evaluation(evaluation, run.results_path)
    return run


def _running_threads(before: set[threading.Thread]) -> list[object]:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    # Python lists a dummy thread for every Qt thread that ever ran Python code, so Qt threads are checked through Qt
    python_threads = [t for t in threading.enumerate() if t not in before and not isinstance(t, threading._DummyThread)]
    # `isinstance` would trigger the lazy imports of torch objects
    qt_threads = [t for t in gc.get_objects() if issubclass(type(t), QThread) and isValid(t) and t.isRunning()]
    return [*python_threads, *qt_threads]
