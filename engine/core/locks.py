"""Exclusive access to a run folder, between programs and between jobs of one program."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from engine.core.errors import EngineError

_LOCK_NAME = ".lock"
_TIMEOUT_SECONDS = 1.0
"""Long enough for `is_locked` in another program, which holds the lock for an instant."""


class LockedError(EngineError):
    """Raised when another program or job works on the folder."""


@contextmanager
def locked(folder: Path, timeout: float = _TIMEOUT_SECONDS) -> Iterator[None]:
    """Hold the lock of a run folder during the block.

    The operating system releases the lock if the program dies.

    Args:
        folder: The run folder.
        timeout: Seconds to wait for another program to release the lock.

    Raises:
        LockedError: Another program or job still works on the folder.
        EngineError: The folder cannot be written to.
    """
    lock = FileLock(folder / _LOCK_NAME, timeout=timeout, is_singleton=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockedError(
            "Another window or program is working on this run. Wait until it is done, or choose another run.", folder
        ) from error
    except OSError as error:
        raise EngineError(
            f"The run folder cannot be written to: {error.strerror or error}. Choose another folder or change its "
            "permissions.",
            folder,
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Return True while a program or job works on a run folder. Nothing is written to folders without a lock file."""
    if not (folder / _LOCK_NAME).is_file():
        return False
    try:
        with locked(folder, timeout=0):
            return False
    except LockedError:
        return True
    except EngineError:  # a folder that cannot be written to has no job
        return False
