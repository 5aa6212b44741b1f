"""Crash-safe file writes: whole files in one step, and lines appended to logs."""

import contextlib
import errno
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.core.errors import EngineError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NUM_RETRIES, _SECONDS_BETWEEN_RETRIES = 20, 0.05
_MAX_STEM = 40
_TEMPORARY_NAME = re.compile(r"\..+-[0-9a-f]{8}(\.\w+)?$")


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file in one step, so that readers see the old content or the new one, never half of either.

    Args:
        path: The file to create or replace.
        write: Writes the content to the temporary file it is given. That file has the same suffix as `path`, because
            Pillow and matplotlib choose the format by it.

    Raises:
        OSError: The file cannot be written; the old one is unchanged.
    """
    temporary = temporary_path(path)
    try:
        _write_synced(temporary, write)
        _replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def create_once(path: Path, write: Callable[[Path], object]) -> None:
    """Create a file in one step, as `write_atomic` does, unless it exists: of two processes, the first one wins."""
    temporary = temporary_path(path)
    try:
        _write_synced(temporary, write)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            if not path.exists():
                _replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def sync_file(descriptor: int) -> None:
    """Flush an open file to the disk, on macOS also through the cache of the drive; raises OSError."""
    full_sync = getattr(fcntl, "F_FULLFSYNC", None)
    if full_sync is not None:
        try:
            fcntl.fcntl(descriptor, full_sync)
            return
        except OSError:  # not every file system of macOS supports it, for example SMB
            pass
    os.fsync(descriptor)


def temporary_path(path: Path) -> Path:
    """Return an unused hidden path beside `path`, with the same suffix and a name that no file system finds too long.

    `remove_temporary_files` deletes such files.
    """
    return path.with_name(f".{path.stem[:_MAX_STEM]}-{secrets.token_hex(4)}{path.suffix}")


def write_text_atomic(path: Path, text: str) -> None:
    """Write `text` to a file in one step, as UTF-8."""
    write_atomic(path, lambda temporary: temporary.write_bytes(text.encode()))


@contextmanager
def saving(subject: str, path: Path) -> Iterator[None]:
    """Turn an OSError inside the block into an EngineError whose sentence begins with `subject`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise EngineError(f"{subject} could not be saved: {reason}. {_advice(error, path)}", path) from error


def _advice(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space or choose another folder."
    if error.errno == errno.ENAMETOOLONG:
        return "Choose a shorter name."
    if isinstance(error, PermissionError) and os.path.isfile(path):
        # On Windows a spreadsheet keeps others from writing the table that it shows
        return "Close the file in other programs, or choose another name."
    return "Choose another folder."


def append_line(path: Path, line: str, is_synced: bool = True) -> None:
    """Append a line to a text file; a crash or a full disk loses at most this line.

    A last line without a line end, left by a crash, is ended first, so that the new line is not joined to it.

    Args:
        path: The file; it is created if it does not exist.
        line: Text without a line end.
        is_synced: Flush the line to the disk, so that it survives a power failure.

    Raises:
        OSError: The line could not be written. The file is restored as far as the disk allows.
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
                sync_file(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):  # the first error is raised below
                file.truncate(length)
            raise


def remove_temporary_files(folder: Path, min_age: float = 0) -> None:
    """Delete the temporary files that `write_atomic` leaves in a folder when the program crashes.

    Args:
        folder: The folder.
        min_age: Seconds since the last change; younger files may be in use by another process.
    """
    for path in folder.iterdir():
        if _TEMPORARY_NAME.match(path.name):
            with contextlib.suppress(OSError):  # another process uses or has deleted it
                if time.time() - path.stat().st_mtime >= min_age:
                    path.unlink()


def _write_synced(path: Path, write: Callable[[Path], object]) -> None:
    write(path)
    with open(path, "rb+") as file:
        sync_file(file.fileno())


def _replace(temporary: Path, path: Path) -> None:
    for is_last in (False,) * _NUM_RETRIES + (True,):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            # Windows does not replace a file while a program, perhaps this one, reads it
            if os.name != "nt" or is_last:
                raise
            time.sleep(_SECONDS_BETWEEN_RETRIES)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder for fsync and does not need it after a rename
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems do not support fsync of folders
            raise
    finally:
        os.close(descriptor)
