"""One program at a time works on a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from engine.core.errors import EngineError

_NAME = ".lock"


class LockedError(EngineError):
    """Somebody else works on the folder."""


_PATIENCE_SECONDS = 1.0
"""Whoever asks whether a folder is locked holds the lock for an instant, which must not be taken for work."""


@contextmanager
def locked(folder: Path, patience: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Keep other programs, and other jobs of this one, from writing to a run folder while the block runs.

    The system takes the lock back when the program dies. Raises EngineError where somebody still works on the folder
    after `patience` seconds, or where it cannot be written to.
    """
    lock = FileLock(folder / _NAME, timeout=patience, is_singleton=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockedError(
            "Another window or program is working on this run. Wait until it is done, or choose another run.", folder
        ) from error
    except OSError as error:
        raise EngineError(
            f"The run folder cannot be written to: {error.strerror or error}. Choose another, or allow it.", folder
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Say whether somebody works on a run folder; nothing is written where nobody ever did."""
    if not (folder / _NAME).is_file():
        return False
    try:
        with locked(folder, patience=0):
            return False
    except LockedError:
        return True
    except EngineError:  # nobody can write there, so nobody does
        return False
