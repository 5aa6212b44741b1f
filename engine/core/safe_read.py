"""Bounded reading of files from untrusted sources: regular files only, up to a size limit."""

import codecs
import errno
import io
import os
import stat
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.path_text import path_from_text

MAX_TEXT_BYTES = 256 * 2**20
"""Size limit of a text file; a list of two million images fits."""
MAX_HEADER_BYTES = 8 * 2**20
"""Size limit of a safetensors header. The largest network needs 0.2 MiB, the largest list of classes 7.5 MiB."""


def is_regular_file(path: Path) -> bool:
    """Return True for a regular file or a link to one; raise OSError if the path cannot be read."""
    return stat.S_ISREG(os.stat(path).st_mode)


def check_regular_file(path: Path) -> None:
    """Raise OSError if `path` is not a regular file or a link to one.

    Opening a pipe would block, and reading a device would never end.
    """
    if not is_regular_file(path):
        raise OSError(errno.EINVAL, "it is not a regular file")


def read_safetensors_header(path: Path) -> bytes:
    """Return the JSON header of a safetensors file.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file has another format, or its header is longer than `MAX_HEADER_BYTES`.
    """
    check_regular_file(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER_BYTES, os.fstat(file.fileno()).st_size - 8):
            raise ValueError("no safetensors header")
        return file.read(length)


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES, errors: str = "strict") -> str:
    """Return the content of a UTF-8 text file, without a byte order mark.

    Args:
        path: A regular file.
        max_bytes: Size limit.
        errors: Handling of invalid UTF-8, as in `bytes.decode`.

    Raises:
        OSError: The file cannot be read, is not a regular file or is too large.
        UnicodeDecodeError: The file is not UTF-8 and `errors` is "strict".
        EngineError: The file is UTF-16 or UTF-32, as some editors and PowerShell save text.
    """
    check_regular_file(path)
    with open(path, "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {max_bytes // 2**20} MiB")
    _refuse_utf16(content[:2], path)
    return content.decode("utf-8-sig", errors)


def check_utf8(path: Path) -> None:
    """Raise EngineError if a file, to which UTF-8 text is to be appended, is UTF-16 or UTF-32."""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            _refuse_utf16(file.read(2), path)


def _refuse_utf16(start: bytes, path: Path) -> None:
    """Raise EngineError if a file starts with a byte order mark of UTF-16, or with an ASCII character in UTF-16."""
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or (len(start) == 2 and start.count(b"\0") == 1):
        raise EngineError("This file is saved as UTF-16. Save it as UTF-8 in an editor.", path)


def open_image_file(path: Path) -> io.BufferedReader:
    """Open a regular file for an image decoder, without blocking on a pipe that replaced the file after the scan.

    The returned reader raises EngineError after a million reads, which only malicious files need.

    Raises:
        EngineError: The path is a folder, a pipe or a device.
        OSError: The file cannot be opened.
    """
    path = path_from_text(path)
    if not is_regular_file(path):
        raise EngineError("This is a folder, a pipe or a device, not a file.", path)
    return _BoundedReader(io.FileIO(path, opener=_open_without_blocking))


def _open_without_blocking(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


class _BoundedReader(io.BufferedReader):
    _MAX_READS = 1_000_000
    _num_reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._num_reads += 1
        if self._num_reads > self._MAX_READS:
            raise EngineError("This file has too many parts.")
        return super().read(size)
