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
_OWN_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
_MAX_LOGGED_CHARACTERS = 10_000

logger = logging.getLogger(__name__)


def program_command(*arguments: str) -> list[str]:
    """Return the command that runs this program without its window.

    From sources, the other process imports from the same folders as this one, except the current folder: a file such
    as json.py that lies there must not be executed.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    # -I ignores the current folder and PYTHONPATH; the code then restores the folders that this process uses
    start = f"import sys; sys.path[:] = {_import_folders()!r}; from engine.cli.main import main; sys.exit(main())"
    return [sys.executable, "-I", "-c", start, *arguments]


def _import_folders() -> list[str]:
    sources = str(Path(__file__).parents[2])
    folders = [folder for folder in sys.path if os.path.isabs(folder) and not _is_current_folder(folder)]
    return folders if sources in folders else [sources, *folders]


def _is_current_folder(folder: str) -> bool:
    try:
        return os.path.samefile(folder, os.curdir)
    except OSError:  # an entry of sys.path that does not exist
        return False


def start_program(*arguments: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start this program without its window; its stderr is written to the file `errors`.

    Ctrl-C in the terminal does not reach the other process: this one decides when it ends.
    """
    return subprocess.Popen(
        program_command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        creationflags=_NO_CONSOLE | _OWN_GROUP,
        process_group=0 if os.name == "posix" else None,
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
