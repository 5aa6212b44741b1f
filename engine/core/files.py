"""File names, opening what may be anything, writes in one step, and lines that survive a crash."""

import contextlib
import errno
import io
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.core.errors import EngineError

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif")
) | frozenset((".mpo", ".ppm", ".pgm", ".pbm", ".ico", ".tga", ".jp2"))

_NUM_TRIES, _SECONDS_BETWEEN_TRIES = 20, 0.05
_FORMULA_SIGNS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a formula begins with, in the width of East Asian letters too."""
_LEFTOVER = re.compile(r"\..+-[0-9a-f]{8}(\.\w+)?$")
"""What `write_atomic` calls its temporary files."""


def is_hidden(name: str) -> bool:
    """Say whether people and systems keep a file of this name out of sight."""
    return name.startswith((".", "__")) or name.lower() in {"thumbs.db", "desktop.ini"}


def is_image_name(name: str) -> bool:
    """Say whether a file of this name claims to be an image."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not is_hidden(name)


def path_to_text(path: str) -> str:
    r"""Return a path such that it is text whatever its bytes are, for JSON, tables and screens; see `path_from_text`.

    Bytes that are no UTF-8 become `\xNN`, and so does the backslash of a name that looks like that by itself.
    """
    if os.name == "nt":  # names are text there, and backslashes part folders
        return path
    return _LOOKS_ESCAPED.sub(rb"\\x5c\1", os.fsencode(path)).decode("utf-8", "backslashreplace")


def path_from_text(path: Path) -> Path:
    """Return where the file lies that a path from `path_to_text` stands for; any other path is returned as it is."""
    meant = decode_path_text(path)
    return meant if os.path.lexists(meant) else path


def decode_path_text(path: Path) -> Path:
    """Return the path that `path_to_text` made this one of, whether a file lies there or not."""
    text = os.fsencode(path)
    if os.name == "nt" or not _LOOKS_ESCAPED.search(text):
        return path
    return Path(os.fsdecode(_LOOKS_ESCAPED.sub(lambda found: bytes.fromhex(found[1][1:].decode()), text)))


_LOOKS_ESCAPED = re.compile(rb"\\(x[0-9a-f]{2})")


def require_text(folder: Path) -> None:
    """Raise EngineError where the path of a folder is no text: what is kept of it could not be written."""
    whole = os.fspath(folder.absolute())
    try:
        whole.encode()
    except UnicodeEncodeError as error:
        raise EngineError(
            "The name of this folder is no readable text. Rename it.", Path(path_to_text(whole))
        ) from error


def open_file(path: Path) -> io.BufferedReader:
    """Open a plain file to read; raise EngineError for a pipe, a device or a folder, and OSError as `open` does.

    What was a file when the folder was scanned may be a pipe by now, and to open one waits for somebody who writes.
    The file ends with EngineError where a reader takes it in a million small bites, as only made-up files ask for.
    """
    path = path_from_text(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise EngineError("It is no file but a folder, a pipe or a device.", path)
    return _BoundedReader(io.FileIO(path, opener=_open_at_once))


def _open_at_once(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


class _BoundedReader(io.BufferedReader):
    _MOST_READS = 1_000_000
    _num_reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._num_reads += 1
        if self._num_reads > self._MOST_READS:
            raise EngineError("It is made of too many parts.")
        return super().read(size)


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place in one step.

    A reader sees the old file or the new one, never half of either.
    """
    # The suffix stays: savers such as Pillow's and matplotlib's choose the format by it.
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        write(temporary)
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        _put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_text_atomic(path: Path, text: str) -> None:
    """Put `text` into the file at `path` in one step, as UTF-8."""
    write_atomic(path, lambda temporary: temporary.write_bytes(text.encode()))


@contextmanager
def saving(what: str, path: Path) -> Iterator[None]:
    """Turn what the disk refuses while the block runs into EngineError; `what` begins its sentence."""
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"{what} could not be saved: {error.strerror or error}. Free some space or choose another folder.", path
        ) from error


def append_line(path: Path, line: str, is_synced: bool = True) -> None:
    """Put a line behind the others such that a crash, or a disk that is full, costs at most this line.

    What is left of one torn before gets an end of its own, so that the new line is not glued to it. With `is_synced`
    the line outlasts a power cut. Raises OSError where it could not be written; the file is then as it was, as far as
    the disk allows.
    """
    content = line.encode("utf-8", "surrogatepass") + b"\n"
    with open(path, "ab+", buffering=0) as file:
        length = file.seek(0, os.SEEK_END)
        if length > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                content = b"\n" + content
        try:
            if os.write(file.fileno(), content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if is_synced:
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(length)
            raise


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a crash within `write_atomic` has left in a folder."""
    for path in folder.iterdir():
        if _LEFTOVER.match(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def escape_formula(cell: str) -> str:
    """Return the text of a table's cell such that no spreadsheet runs it as a formula.

    Where that changes it, it gets a `'` in front, as does what begins with one, so that it can be taken off again.
    """
    is_formula = cell.lstrip().startswith(_FORMULA_SIGNS)
    return f"'{cell}" if is_formula or cell.startswith(("'", "\t", "\r", "\n")) else cell


def unique_path(path: Path) -> Path:
    """Return `path`, or the first of `path-2`, `path-3`, ... that does not exist."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def _put_in_place(temporary: Path, path: Path) -> None:
    for is_last in (False,) * _NUM_TRIES + (True,):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            # Windows replaces no file that somebody reads, as our own window may for an instant
            if os.name != "nt" or is_last:
                raise
            time.sleep(_SECONDS_BETWEEN_TRIES)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder for fsync, and needs none for a rename to last
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that knows of no such thing
            raise
    finally:
        os.close(descriptor)
