"""Measure how fast a stage goes and tell of it at most ten times a second."""

import time
from collections.abc import Generator, Iterator
from typing import TypeVar

from engine.core.events import Progress, Stage

Result = TypeVar("Result")

SECONDS_BETWEEN = 0.1


def with_progress(steps: Generator[int, None, Result], ticker: "Ticker") -> Generator[Progress, None, Result]:
    """Pull steps that yield how many are done, telling of it, and return their result."""
    while True:
        try:
            num_done = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield from ticker.at(num_done)


class Ticker:
    """Makes the progress events of one stage."""

    def __init__(self, stage: Stage, total: int, epoch: int | None = None) -> None:
        self._stage, self._total, self._epoch = stage, total, epoch
        self._started = time.monotonic()
        self._last_told = 0.0

    def at(self, done: int, loss: float | None = None, seconds_left: float | None = None) -> Iterator[Progress]:
        """Yield one event, or none where the last is less than a tenth of a second ago; the end is always told."""
        now = time.monotonic()
        if done != self._total and now - self._last_told < SECONDS_BETWEEN:
            return
        self._last_told = now
        elapsed = now - self._started
        yield Progress(
            stage=self._stage,
            done=done,
            total=self._total,
            images_per_second=done / elapsed if elapsed > 0 and self._stage != "download" else None,
            epoch=self._epoch,
            loss=loss,
            seconds_left=seconds_left,
        )
