"""Tests of PySide6 itself."""

import sys

from PySide6.QtCore import QObject, Signal


class _Sender(QObject):
    sent = Signal()


def test_signals_do_not_lower_the_reference_count_of_true() -> None:
    # PySide6 builds that assume immortal objects (Python 3.12) lower it with each signal until Python 3.11 crashes
    sender = _Sender()
    before = sys.getrefcount(True)
    for _ in range(50):
        sender.sent.emit()
    assert sys.getrefcount(True) > before - 25
