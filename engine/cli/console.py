"""Show work in a terminal: progress for people on stderr, stopping by Ctrl-C, answers on stdout."""

import re
import signal
import sys
from collections.abc import Callable, Generator
from types import FrameType, TracebackType
from typing import Any, TypeVar

import rich.console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from engine.core import events
from engine.results.predictions import Prediction

Result = TypeVar("Result")

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What steers a terminal, breaks a line, turns its direction or is no character: a file may have it in its name."""


def printable(line: str) -> str:
    r"""Return a line in which all that is not to be seen is told as `\u001b`, which JSON reads back."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


class StoppedByUserError(Exception):
    """The user pressed Ctrl-C; the work has saved what it had."""


class Console:
    """Follows generators of events, telling people on stderr how far they are."""

    def __init__(self) -> None:
        self._console = rich.console.Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._stage: tuple[events.Stage, int | None] | None = None

    def say(self, message: str) -> None:
        """Tell people something on stderr."""
        self._console.print(escape(printable(message)), soft_wrap=True)

    def follow(
        self,
        work: Generator[events.Event | Prediction, None, Result],
        on_event: Callable[[events.Event | Prediction], None] | None = None,
    ) -> Result:
        """Pull `work` to its end and return its result, handing on each event.

        Raises StoppedByUserError where the user stopped it; a second Ctrl-C ends the program at once.
        """
        with _StopOnInterrupt() as interrupt, self._bars:
            while not interrupt.asked:
                try:
                    event = next(work)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                if on_event is not None:
                    on_event(event)
                if isinstance(event, events.Progress):
                    self._show(event)
            work.close()
        raise StoppedByUserError

    def _show(self, event: events.Progress) -> None:
        stage = (event.stage, event.epoch)
        if stage != self._stage:
            if self._task is not None:
                self._bars.remove_task(self._task)
            words = events.STAGE_LABELS[event.stage] + (f", epoch {event.epoch}" if event.epoch else "")
            self._task, self._stage = self._bars.add_task(words, total=event.total or None, speed=""), stage
        if self._task is not None:
            speed = f"{event.images_per_second:.0f} images/s" if event.images_per_second else ""
            self._bars.update(self._task, completed=event.done, speed=speed)


class _StopOnInterrupt:
    """While it is entered, the first Ctrl-C (or SIGTERM) is noted and the second ends the program."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "_StopOnInterrupt":
        for kind in (signal.SIGINT, signal.SIGTERM):
            self._before[kind] = signal.signal(kind, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print("Stopping. Press Ctrl-C again to end at once.", file=sys.stderr)  # noqa: T201
