"""How the program starts itself again, from sources and when it is frozen into an executable."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

_NO_CONSOLE = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # else Windows flashes one up


def own_command(*arguments: str) -> list[str]:
    """Return the command that runs this program without its window in a process of its own."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "engine", *arguments]


def start_own(*arguments: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start this program without its window; what it writes to stderr goes to the file `errors`."""
    environment = dict(os.environ)
    if not getattr(sys, "frozen", False):
        sources = str(Path(__file__).parents[1])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (sources, environment.get("PYTHONPATH"))))
    return subprocess.Popen(
        own_command(*arguments),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        creationflags=_NO_CONSOLE,
    )
