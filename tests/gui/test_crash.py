"""Tests of uncaught exceptions."""

import logging
import sys
import threading

import pytest
from PySide6.QtCore import QThread, QTimer
from pytestqt.qtbot import QtBot

from gui.crash import CrashReporter
from gui.errors import ErrorBar

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform logs this for any window


class _FailingThread(QThread):
    def run(self) -> None:
        raise ValueError("odd")


def _fail() -> None:
    raise ValueError("odd")


def _fail_in_slot() -> None:
    QTimer.singleShot(0, _fail)


def _fail_in_thread() -> None:
    thread = threading.Thread(target=_fail)
    thread.start()
    thread.join()


def _fail_in_qt_thread() -> None:
    thread = _FailingThread()
    thread.start()
    assert thread.wait(20_000)


@pytest.fixture
def bar(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> ErrorBar:
    """An error bar connected to the exception hooks."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    bar = ErrorBar()
    qtbot.addWidget(bar)
    reporter = CrashReporter(bar)
    reporter.caught.connect(bar.show_error)
    reporter.install()
    return bar


@pytest.mark.parametrize("fail", [_fail_in_slot, _fail_in_thread, _fail_in_qt_thread])
def test_an_uncaught_exception_is_shown_in_the_error_bar_and_logged_with_its_traceback(
    fail, bar: ErrorBar, qtbot: QtBot, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.ERROR):
        fail()
        qtbot.waitUntil(lambda: not bar.isHidden(), timeout=20_000)
    assert "Unexpected error" in bar.label.text()
    assert "Traceback" not in bar.label.text()
    assert "ValueError: odd" in caplog.text
    assert "Traceback" not in capsys.readouterr().err


def test_a_keyboard_interrupt_is_not_shown_in_the_window(bar: ErrorBar, capsys: pytest.CaptureFixture[str]) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert bar.isHidden()
    assert "KeyboardInterrupt" in capsys.readouterr().err
