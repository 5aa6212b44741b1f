"""Search for the fastest number of threads by trial, window by window, while other programs are busy."""

_BUSY_CORES = 0.3
"""The computer is busy if other programs take more than this number of the cores that the threads need."""
_MIN_GAIN = 1.05
"""Smallest ratio of speeds for which another number replaces the current one; less may be noise."""
_FIRST_WAIT, _MIN_WAIT, _MAX_WAIT = 2, 4, 16
"""Windows before another number is tried: first, after a trial that was faster, and at most.

The wait doubles after each trial that brought nothing, because a window with a slower number takes longer than others.
"""


class ThreadSearch:
    """Chooses the number of threads for the next window of time from the speed in the last one.

    All threads are used while the computer is idle. While it is busy, a lower or higher number is tried for one window
    from time to time, and kept if it is faster.
    """

    def __init__(self, max_threads: int) -> None:
        self._max = max_threads
        self._settled = max_threads
        self._trial: int | None = None
        self._reset()

    @property
    def count(self) -> int:
        """Number of threads for the current window."""
        return self._settled if self._trial is None else self._trial

    def window_done(self, speed: float, free_cores: float | None) -> int:
        """Return the number of threads for the next window.

        Args:
            speed: Images per second in the window that is over, during which `count` threads computed.
            free_cores: Mean number of cores that other programs left free in this window; None: unknown, so all threads
                are used.
        """
        if free_cores is None or free_cores > self._max - _BUSY_CORES:
            self._reset()
        elif self._trial is not None:
            self._judge(self._trial, speed)
        else:
            self._speed = speed
            self._windows_left -= 1
            if self._windows_left <= 0:
                self._trial = self._candidate(free_cores)
        return self.count

    def _reset(self) -> None:
        self._settled, self._trial = self._max, None
        self._speed = 0.0
        self._goes_down = True
        self._windows_left = self._wait = _FIRST_WAIT

    def _judge(self, trial: int, speed: float) -> None:
        """Keep the number that was tried if it is faster, else wait longer and then try in the other direction."""
        self._trial = None
        if speed >= _MIN_GAIN * self._speed:
            self._settled, self._wait = trial, _MIN_WAIT
        else:
            self._goes_down = not self._goes_down
            self._wait = min(_MAX_WAIT, 2 * self._wait)
        self._windows_left = self._wait

    def _candidate(self, free_cores: float) -> int:
        """Return the number to try next: from the maximum that of the free cores, else one a quarter away."""
        count, step = self._settled, max(1, self._settled // 4)
        if count == self._max:
            return max(1, min(count - 1, round(free_cores)))
        if count > 1 and self._goes_down:
            return count - step
        return min(self._max, count + step)
