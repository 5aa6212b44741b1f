"""Validation of relative paths that come from stored files."""

import os
import re
from pathlib import PureWindowsPath
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from engine.core.path_text import path_to_text

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


def relative_path_to_text(path: str) -> str:
    r"""Return a path below its folder as text that `check_relative_path` accepts; `decode_path_text` converts it back.

    On Linux and macOS a name may look like a drive or contain backslashes: the folder "B: benign", the image
    "9:30.jpg". Where that would lead out of the folder on Windows, colons and backslashes become `\x3a` and `\x5c`.
    """
    text = path_to_text(path)
    if os.name == "nt" or not (text[1:2] == ":" or "\\" in text):
        return text
    try:
        return check_relative_path(text)
    except ValueError:
        escaped = re.sub(rb"[\\:]", lambda match: rb"\x%02x" % match[0][0], os.fsencode(path))
        return escaped.decode("utf-8", "backslashreplace")


RelativePath: TypeAlias = Annotated[str, AfterValidator(check_relative_path)]
"""A path with '/' as separator that can only mean a file below its folder."""
