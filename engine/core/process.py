"""Starting this program in another process, from sources and from a frozen executable."""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import IO

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.progress import SECONDS_BETWEEN, Ticker

_NO_CONSOLE = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # otherwise Windows shows a console window
_MAX_LOGGED_CHARACTERS = 10_000

logger = logging.getLogger(__name__)


def program_command(*arguments: str) -> list[str]:
    """Return the command that runs this program without its window."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "engine", *arguments]


def start_program(*arguments: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start this program without its window; its stderr is written to the file `errors`."""
    environment = dict(os.environ)
    if not getattr(sys, "frozen", False):
        sources = str(Path(__file__).parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (sources, environment.get("PYTHONPATH"))))
    return subprocess.Popen(
        program_command(*arguments),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        creationflags=_NO_CONSOLE,
    )


def run_program(*arguments: str, ticker: Ticker, failure: str) -> Generator[Event, None, None]:
    """Run this program without its window and yield progress events until it ends.

    Closing the generator ends the process. The stderr of a failed process is logged.

    Args:
        arguments: Command-line arguments.
        ticker: Creates the progress events.
        failure: Sentence for the user if the process fails.

    Raises:
        EngineError: The process failed.
    """
    with tempfile.TemporaryFile() as errors:
        process = start_program(*arguments, errors=errors)
        try:
            while (code := _wait(process)) is None:
                yield from ticker.at(0)
        finally:
            process.kill()
            process.wait()
        if code != 0:
            errors.seek(0)
            logger.error("%s\n%s", failure, errors.read().decode(errors="replace")[-_MAX_LOGGED_CHARACTERS:])
            raise EngineError(f"{failure} See the log for details.")


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(SECONDS_BETWEEN)
    except subprocess.TimeoutExpired:
        return None
