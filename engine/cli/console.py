"""The terminal: messages and progress bars on stderr, and stopping with Ctrl-C."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TypeVar

import rich.console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from engine.core import events
from engine.core.event_stream import run_to_end
from engine.core.formatting import progress_details
from engine.results.predictions import Prediction

Result = TypeVar("Result")

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, bidirectional marks and surrogates; file names may contain them."""


_FIXED_SPACE = re.compile(r"(?<=\d)\xa0(?=[A-Za-z%])")
"""The no-break space of counts, which keeps them on one line in the window; searches in the output expect a space."""


def printable(line: str) -> str:
    r"""Return a line with its control characters and other unprintable ones escaped as in JSON, such as `\u001b`."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", _FIXED_SPACE.sub(" ", line))


def as_argument(path: Path) -> str:
    """Return a path as it is typed in a terminal: in quotes if it contains spaces or other special characters."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))


class Console:
    """Runs jobs and shows their progress on stderr."""

    def __init__(self) -> None:
        self._console = rich.console.Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[details]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._stage: tuple[events.Stage, int | None] | None = None

    def print_message(self, message: str) -> None:
        """Print a message on stderr."""
        self._console.print(escape(printable(message)), soft_wrap=True)

    def run(
        self,
        work: Generator[events.Event | Prediction, None, Result],
        on_event: Callable[[events.Event | Prediction], None] | None = None,
    ) -> Result:
        """Run a job to its end, show its progress and return its result.

        The first Ctrl-C stops the job after it has saved its state; a second one ends the program at once.

        Args:
            work: The job.
            on_event: Called with each event and prediction.

        Raises:
            StoppedByUserError: The user stopped the job.
        """

        def show(event: events.Event | Prediction) -> None:
            if on_event is not None:
                on_event(event)
            if isinstance(event, events.Progress):
                self._show(event)

        with _StopOnInterrupt() as interrupt, self._bars:
            return run_to_end(work, show, lambda: interrupt.is_requested)

    def _show(self, event: events.Progress) -> None:
        stage = (event.stage, event.epoch)
        if stage != self._stage:
            if self._task is not None:
                self._bars.remove_task(self._task)
            label = events.STAGE_LABELS[event.stage] + (f", epoch {event.epoch}" if event.epoch else "")
            self._task, self._stage = self._bars.add_task(label, total=event.total or None, details=""), stage
        if self._task is not None:
            self._bars.update(self._task, completed=event.done, details="  ".join(progress_details(event)))


class _StopOnInterrupt:
    """Context manager in which the first Ctrl-C or SIGTERM requests a stop and the second ends the program."""

    def __init__(self) -> None:
        self.is_requested = False
        self._previous_handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "_StopOnInterrupt":
        for kind in (signal.SIGINT, signal.SIGTERM):
            self._previous_handlers[kind] = signal.signal(kind, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._previous_handlers.items():
            signal.signal(name, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.is_requested:
            raise KeyboardInterrupt
        self.is_requested = True
        print("Stopping. Press Ctrl-C again to end at once.", file=sys.stderr)  # noqa: T201
