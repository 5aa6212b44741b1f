"""Default locations: home folder, runs folder and log file of the program."""

import os
from pathlib import Path


def home_folder() -> Path:
    """Return the folder for files of the program: CLASSIFOLD_HOME, or `Classifold` in the user's home folder."""
    home = os.environ.get("CLASSIFOLD_HOME")
    return Path(home) if home else Path.home() / "Classifold"


def default_runs_folder() -> Path:
    """Return the folder of runs that are started in the window."""
    return home_folder() / "runs"


def default_log_path() -> Path:
    """Return the path of the log file."""
    return home_folder() / "log.txt"
