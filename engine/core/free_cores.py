"""Processor cores that other programs leave to this process, from the kernel's counters of idle time (Linux)."""

import os
import time
from collections.abc import Callable
from pathlib import Path

_STAT = Path("/proc/stat")
_IDLE_FIELDS = slice(4, 6)
"""Positions of the times `idle` and `iowait` in a line of /proc/stat, see proc(5)."""


class FreeCores:
    """Measures from call to call how many cores other programs leave to this process.

    These are the cores that are idle and those that this process itself computes on. Time that a hypervisor gives to
    other machines counts as used by other programs.

    Args:
        clock: Time in seconds.
        own_time: Processor time that all threads of this process have used, in seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, own_time: Callable[[], float] = time.process_time
    ) -> None:
        self._clock, self._own_time = clock, own_time
        self._last = self._read()

    def since_last_call(self) -> float | None:
        """Return the mean number of free cores since the last call, or None if the system does not count them."""
        last, self._last = self._last, self._read()
        if last is None or self._last is None or self._last[0] <= last[0]:
            return None
        return (self._last[1] - last[1]) / (self._last[0] - last[0])

    def _read(self) -> tuple[float, float] | None:
        """Return the time, and the idle time of all cores plus the time of this process, in seconds."""
        if not hasattr(os, "sched_getaffinity"):
            return None
        names = {f"cpu{core}" for core in os.sched_getaffinity(0)}
        try:
            lines = [line.split() for line in _STAT.read_text("ascii").splitlines()]
            ticks = [sum(map(int, line[_IDLE_FIELDS])) for line in lines if line and line[0] in names]
        except (OSError, ValueError):
            return None
        return (self._clock(), sum(ticks) / os.sysconf("SC_CLK_TCK") + self._own_time()) if ticks else None
