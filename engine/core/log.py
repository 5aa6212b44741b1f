"""Log files of the program and of each run."""

import logging
import logging.handlers
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from engine import __version__

_FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
_MAX_BYTES, _NUM_OLD = 1_000_000, 3


class _LogFile(logging.handlers.RotatingFileHandler):
    """A log file that several programs may write to; lines that cannot be written are dropped."""

    def __init__(self, path: Path, max_bytes: int = 0) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=_NUM_OLD, encoding="utf-8", delay=True)
        self.setFormatter(_FORMAT)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record and close the file, since Windows cannot rename a file that a program holds open."""
        super().emit(record)
        with suppress(OSError):  # closing flushes, which fails again on a full disk
            stream, self.stream = self.stream, None
            if stream is not None:
                stream.close()

    def doRollover(self) -> None:
        """Start a new file unless another program has just done so; if that fails, the old file grows."""
        with suppress(OSError), FileLock(f"{self.baseFilename}.lock", timeout=1):
            if Path(self.baseFilename).stat().st_size > self.maxBytes // 2:
                super().doRollover()

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop records that cannot be written, without the default traceback on stderr."""


def system_info() -> str:
    """Return the versions of the program, Python and the operating system, for logs and error reports."""
    return f"Classifold {__version__}, Python {sys.version.split()[0]}, {platform.platform()}"


def log_to_rotating_file(path: Path) -> None:
    """Send all log records of the process to `path`, which is rotated to a few megabytes in total."""
    with suppress(OSError):  # without a folder there is no log; the program runs on
        path.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    root.addHandler(_LogFile(path, _MAX_BYTES))
    root.setLevel(logging.INFO)
    logging.getLogger("wakepy").setLevel(logging.WARNING)  # it logs every desktop that it does not find


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Also send the log records of the engine to `path` during the block, with the traceback of an exception."""
    logger = logging.getLogger("engine")
    handler = _LogFile(path)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.info(system_info())
    try:
        yield
    except Exception:
        logger.exception("The run failed")
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()
