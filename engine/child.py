"""How the program starts itself again, from sources and when it is frozen into an executable."""

import sys


def own_command(*arguments: str) -> list[str]:
    """Return the command that runs this program without its window in a process of its own."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "engine", *arguments]
