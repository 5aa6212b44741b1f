"""Fixtures for tests of the window, and a check that no test leaves a thread running."""

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QThread
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot
from shiboken6 import isValid


@pytest.fixture(autouse=True)
def check_threads(qtbot: QtBot) -> Iterator[None]:
    """Fail if a Python or Qt thread of the test is still running after its widgets are gone."""
    before = set(threading.enumerate())
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


def _running_threads(before: set[threading.Thread]) -> list[object]:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    # Python lists a dummy thread for every Qt thread that ever ran Python code, so Qt threads are checked through Qt
    python_threads = [t for t in threading.enumerate() if t not in before and not isinstance(t, threading._DummyThread)]
    # `isinstance` would trigger the lazy imports of torch objects
    qt_threads = [t for t in gc.get_objects() if issubclass(type(t), QThread) and isValid(t) and t.isRunning()]
    return [*python_threads, *qt_threads]
