"""No test of the window may leave a thread behind."""

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QThread
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot
from shiboken6 import isValid


@pytest.fixture(autouse=True)
def no_thread_is_left(qtbot: QtBot) -> Iterator[None]:
    """Fail where a thread that the test started, Qt's or Python's, is there once its widgets are gone."""
    before = set(threading.enumerate())
    yield
    gc.collect()
    qtbot.waitUntil(lambda: not _left(before), timeout=10_000)


@pytest.fixture
def frame(qtbot: QtBot) -> Iterator[QScrollArea]:
    """Make a window, not shown yet, whose size does not follow what it holds."""
    frame = QScrollArea()
    qtbot.addWidget(frame)
    frame.resize(900, 500)
    frame.setWidgetResizable(True)
    yield frame
    frame.close()


def _left(before: set[threading.Thread]) -> list[object]:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    # Python keeps a record of every thread of Qt's that ran its code; whether such a one still runs, Qt tells
    of_python = [t for t in threading.enumerate() if t not in before and not isinstance(t, threading._DummyThread)]
    # `isinstance` would wake lazy objects of torch among these
    of_qt = [t for t in gc.get_objects() if issubclass(type(t), QThread) and isValid(t) and t.isRunning()]
    return [*of_python, *of_qt]
