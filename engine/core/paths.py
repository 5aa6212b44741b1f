"""Default locations of the program, and the relation of a path to a folder."""

import os
import re
from pathlib import Path, PurePath


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


def path_below(path: Path, folder: Path) -> Path | None:
    """Return the path of a file relative to a folder that contains it, or None if the folder does not.

    The file need not exist. Folders are compared by identity where their spelling differs: through links, in letter
    case or Unicode form on file systems that ignore these, or by the name of a drive.
    """
    absolute, root = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    if absolute.is_relative_to(root):
        return absolute.relative_to(root)
    for parent in absolute.parents:
        if is_same_file(parent, root):
            return absolute.relative_to(parent)
    return None


def is_same_file(path: Path, other: Path) -> bool:
    """Return True if two paths lead to one file or folder, which exists."""
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def folder_name(folder: PurePath) -> str:
    """Return the name of an absolute folder; for the root of a drive its letter, or the name of the share."""
    parts = [part for part in re.split(r"[\\/:]+", folder.anchor) if part]
    return folder.name or (parts[-1] if parts else "drive")
