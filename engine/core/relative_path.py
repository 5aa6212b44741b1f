"""Validation of relative paths that come from stored files."""

import os
import re
from pathlib import PureWindowsPath
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

_ESCAPED_BYTE = re.compile(r"\\x[0-9a-f]{2}")


def check_relative_path(path: str) -> str:
    """Return `path` unchanged if it can only mean a file below its folder, on any operating system.

    Raises:
        ValueError: The path is empty, absolute, has a drive, a NUL or a `..` component.
    """
    # On POSIX, path_to_text writes bytes that are not UTF-8 with a backslash, which is no separator
    windows = PureWindowsPath(path if os.name == "nt" else _ESCAPED_BYTE.sub("_", path))
    is_absolute = path.startswith("/") or bool(windows.drive or windows.root)
    if not path or "\0" in path or is_absolute or ".." in windows.parts:
        raise ValueError("the path leads out of the folder")
    return path


RelativePath: TypeAlias = Annotated[str, AfterValidator(check_relative_path)]
"""A path with '/' as separator that can only mean a file below its folder."""
