"""Read files that may come from anybody: plain ones only, and no more of one than a limit."""

import errno
import os
import stat
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

MOST_TEXT = 256 * 2**20
"""Bytes of the largest text that is read: a list of about two million images."""
MOST_HEADER = 8 * 2**20
"""Bytes of the layers in a safetensors file. The most layers take 0.2 MiB, the names of the most classes 7.5 MiB."""


def check_relative_path(path: str) -> str:
    """Return the path; raise ValueError where it can mean a file outside of the folder that it is below."""
    parts = path.replace(os.sep, "/").split("/")
    if not path or "\0" in path or ".." in parts or os.path.isabs(path) or os.path.splitdrive(path)[0]:
        raise ValueError("the path leads out of the folder")
    return path


PathBelow: TypeAlias = Annotated[str, AfterValidator(check_relative_path)]
"""A path, parted by '/', that can only mean a file below its folder."""


def check_plain(path: Path) -> None:
    """Raise OSError where `path` is no plain file, or a link to one: a pipe would block, a device never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file")


def read_header(path: Path) -> bytes:
    """Return the JSON that a safetensors file begins with.

    Raises OSError where it cannot be read, and ValueError where the file is of another kind or its header too long.
    """
    check_plain(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MOST_HEADER, os.fstat(file.fileno()).st_size - 8):
            raise ValueError("no safetensors header")
        return file.read(length)


def read_text(path: Path, most: int = MOST_TEXT, errors: str = "strict") -> str:
    """Return the text in a plain file; raise OSError where it is none or has over `most` bytes.

    Raises UnicodeDecodeError, which is a ValueError, where it is not UTF-8, or does what else `errors` says.
    """
    check_plain(path)
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // 2**20} MiB")
    return content.decode("utf-8", errors)
