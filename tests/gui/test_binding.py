"""What the window needs of the binding to Qt."""

import sys

from PySide6.QtCore import QObject, Signal


class _Sender(QObject):
    sent = Signal()


def test_signals_do_not_wear_out_the_constants_of_python() -> None:
    # A binding built for Python 3.12 and later gives them away uncounted, and a program on 3.11 dies within the hour
    sender = _Sender()
    before = sys.getrefcount(True)
    for _ in range(50):
        sender.sent.emit()
    assert sys.getrefcount(True) > before - 25
