"""Measure for how long the GUI thread works before its event loop comes back."""

import cProfile
import pstats
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QAbstractEventDispatcher, QCoreApplication, QEvent, QObject, QTimer

_NUM_CALLS = 6
_TIMER_MS = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the event loop, or one action: the CPU time of the GUI thread, and its most costly calls."""

    step: str
    milliseconds: float
    calls: str


class LoopTimes(QObject):
    """Measures each event that the event loop of this thread handles, and each action of a test outside of it.

    A measurement ends when Qt delivers the next event that no Python function has caused, or when the loop waits, so
    each handler is measured as a whole. The CPU time of the thread is measured instead of wall-clock time, because
    other threads and programs run on the same cores.

    Args:
        limit_ms: Turns that take longer are kept.
        is_profiled: Whether to find the costly calls, which makes everything slower.
    """

    def __init__(self, limit_ms: float, is_profiled: bool = False) -> None:
        super().__init__()
        self.step = ""
        self.too_long: list[Turn] = []
        self.longest: dict[str, float] = {}
        self.num_turns = 0
        self._limit_ms, self._is_profiled = limit_ms, is_profiled
        self._start = time.thread_time()
        self._profile: cProfile.Profile | None = None
        dispatcher = QAbstractEventDispatcher.instance()
        assert dispatcher is not None
        dispatcher.aboutToBlock.connect(self._end)
        self._num_frames = 0
        self._timer = QTimer()
        self._timer.timeout.connect(self._on_timeout)
        self._timer.start(_TIMER_MS)
        app = QCoreApplication.instance()
        assert app is not None
        app.installEventFilter(self)
        self._begin()

    def _on_timeout(self) -> None:
        self._num_frames = _count_frames()  # a timer is handled by the loop itself
        self._end()

    def eventFilter(self, _receiver: QObject, _event: QEvent) -> bool:
        """End the measurement, unless a Python function has caused the event."""
        if _count_frames() <= self._num_frames:
            self._end()
        return False

    def act(self, action: Callable[[], object]) -> None:
        """Take an action, such as a key press, and measure it."""
        self._begin()
        num_frames, self._num_frames = self._num_frames, 0
        action()
        self._end()
        self._num_frames = num_frames

    def _begin(self) -> None:
        if self._is_profiled:
            self._profile = cProfile.Profile()
            self._profile.enable()
        self._start = time.thread_time()

    def _end(self) -> None:
        milliseconds = 1000 * (time.thread_time() - self._start)
        if self._profile is not None:
            self._profile.disable()
        self.num_turns += 1
        self.longest[self.step] = max(self.longest.get(self.step, 0.0), milliseconds)
        if milliseconds > self._limit_ms:
            self.too_long.append(Turn(self.step, milliseconds, _costly_calls(self._profile)))
        self._begin()


def _count_frames() -> int:
    frame, number = sys._getframe(1), 0
    while frame.f_back is not None:
        frame, number = frame.f_back, number + 1
    return number


def _costly_calls(profile: cProfile.Profile | None) -> str:
    if profile is None:
        return ""
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    calls = sorted(stats.items(), key=lambda call: -call[1][3])[1 : 1 + 3 * _NUM_CALLS]
    return "\n    ".join(
        f"{1000 * row[3]:.0f} ms {row[0]} x {path[-36:]}:{line} {name}" for (path, line, name), row in calls
    )
