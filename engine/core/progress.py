"""Progress events of a stage, limited to ten per second."""

import time
from collections.abc import Generator, Iterator
from typing import TypeVar

from engine.core.event_stream import map_events
from engine.core.events import Progress, Stage

Result = TypeVar("Result")

SECONDS_BETWEEN = 0.1
"""Shortest time between two progress events."""


class Ticker:
    """Creates the progress events of one stage and measures its speed.

    Args:
        stage: The stage that the events belong to.
        total: Number of images, or of bytes of a download; 0 if it is unknown.
        epoch: Epoch, counted from 1, if the stage belongs to one.
    """

    def __init__(self, stage: Stage, total: int, epoch: int | None = None) -> None:
        self._stage, self._total, self._epoch = stage, total, epoch
        self._start_time = time.monotonic()
        self._last_event_time = 0.0

    def at(self, done: int, seconds_left: float | None = None) -> Iterator[Progress]:
        """Yield one event, or none within 0.1 s of the last one; the end is always reported."""
        now = time.monotonic()
        if done != self._total and now - self._last_event_time < SECONDS_BETWEEN:
            return
        self._last_event_time = now
        elapsed = now - self._start_time
        yield Progress(
            stage=self._stage,
            done=done,
            total=self._total,
            images_per_second=done / elapsed if elapsed > 0 and self._stage != "download" else None,
            epoch=self._epoch,
            seconds_left=seconds_left,
        )


def with_progress(steps: Generator[int, None, Result], ticker: Ticker) -> Generator[Progress, None, Result]:
    """Turn a generator that yields the number of items done into one that yields progress events."""
    return map_events(steps, ticker.at)
