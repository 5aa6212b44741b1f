"""Folders that the program owns: its home folder, the runs made in the window, and the log."""

import os
from pathlib import Path


def home_folder() -> Path:
    """Return where the program keeps what is its own: CLASSIFOLD_HOME, or a folder in the user's home."""
    home = os.environ.get("CLASSIFOLD_HOME")
    return Path(home) if home else Path.home() / "Classifold"


def default_runs_folder() -> Path:
    """Return where the window keeps its runs."""
    return home_folder() / "runs"


def default_log_path() -> Path:
    """Return where the program logs."""
    return home_folder() / "log.txt"
