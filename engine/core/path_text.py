"""Conversion of file paths with arbitrary bytes to text and back, for JSON, tables and screens."""

import os
import re
from pathlib import Path

from engine.core.errors import EngineError

_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2})")


def path_to_text(path: str) -> str:
    r"""Return a path as valid Unicode text; `path_from_text` converts it back.

    On POSIX, bytes that are not UTF-8 become `\xNN`. The backslash of a name that already looks like such an escape
    is escaped itself, so the conversion is reversible. On Windows, names are text already.
    """
    if os.name == "nt":
        return path
    return _ESCAPE.sub(rb"\\x5c\1", os.fsencode(path)).decode("utf-8", "backslashreplace")


def path_from_text(path: Path) -> Path:
    """Return the file that a path from `path_to_text` stands for, or `path` itself if no such file exists."""
    decoded = decode_path_text(path)
    return decoded if os.path.lexists(decoded) else path


def decode_path_text(path: Path) -> Path:
    """Return the original of a path from `path_to_text`, even if no file exists there."""
    text = os.fsencode(path)
    if os.name == "nt" or not _ESCAPE.search(text):
        return path
    return Path(os.fsdecode(_ESCAPE.sub(lambda match: bytes.fromhex(match[1][1:].decode()), text)))


def require_utf8_path(folder: Path) -> None:
    """Raise EngineError if the absolute path of a folder is not valid Unicode, so it could not be stored as JSON."""
    absolute = os.fspath(folder.absolute())
    try:
        absolute.encode()
    except UnicodeEncodeError as error:
        raise EngineError(
            "The name of this folder is not valid text. Rename it.", Path(path_to_text(absolute))
        ) from error
