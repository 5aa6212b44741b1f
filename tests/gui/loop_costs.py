"""Measure how much the GUI thread works before its event loop comes back."""

import cProfile
import pstats
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from PySide6.QtCore import QAbstractEventDispatcher, QCoreApplication, QEvent, QObject, QTimer

_NUM_CALLS = 6
_TIMER_MS = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the event loop, or one action: what it cost, and its most costly calls."""

    step: str
    cost: float
    calls: str


def thread_milliseconds() -> float:
    """Return the CPU time of this thread in milliseconds; wall-clock time includes other threads and programs."""
    return 1000 * time.thread_time()


class CallCounter:
    """Counts the calls of functions in this thread: the same on each machine, idle or busy.

    Functions written in C are counted as one call, however long they take.
    """

    def __init__(self) -> None:
        self._num_calls = 0
        sys.setprofile(self._on_profile_event)

    def _on_profile_event(self, frame: FrameType, event: str, _argument: object) -> None:
        if event in {"call", "c_call"} and frame.f_code.co_filename != __file__:
            self._num_calls += 1

    def __call__(self) -> float:
        """Return the number of calls until now."""
        return self._num_calls


class LoopCosts(QObject):
    """Measures each event that the event loop of this thread handles, and each action of a test outside of it.

    A measurement ends when Qt delivers the next event that no Python function has caused, or when the loop waits, so
    each handler is measured as a whole.

    Args:
        read_cost: Returns a number that grows with the work of this thread, such as its CPU time.
        limit: Turns that cost more are kept.
        is_profiled: Whether to find the costly calls, which makes everything slower.
    """

    def __init__(self, read_cost: Callable[[], float], limit: float, is_profiled: bool = False) -> None:
        super().__init__()
        self.step = ""
        self.too_high: list[Turn] = []
        self.highest: dict[str, float] = {}
        self._read_cost, self._limit, self._is_profiled = read_cost, limit, is_profiled
        self._start = self._read_cost()
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
        self._start = self._read_cost()

    def _end(self) -> None:
        cost = self._read_cost() - self._start
        if self._profile is not None:
            self._profile.disable()
        self.highest[self.step] = max(self.highest.get(self.step, 0.0), cost)
        if cost > self._limit:
            self.too_high.append(Turn(self.step, cost, _costly_calls(self._profile)))
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
