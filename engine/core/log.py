"""Where the program keeps its log."""

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
    """A file that many programs may write to; where it cannot be written, lines are lost and nothing else happens."""

    def __init__(self, path: Path, max_bytes: int = 0) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=_NUM_OLD, encoding="utf-8", delay=True)
        self.setFormatter(_FORMAT)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, and let the file go: no system renames or deletes a file that another program holds."""
        super().emit(record)
        with suppress(OSError):  # of a full disk, once more
            stream, self.stream = self.stream, None
            if stream is not None:
                stream.close()

    def doRollover(self) -> None:
        """Begin another file, unless another program has just done so; where that cannot be, the file grows."""
        with suppress(OSError), FileLock(f"{self.baseFilename}.lock", timeout=1):
            if Path(self.baseFilename).stat().st_size > self.maxBytes // 2:
                super().doRollover()

    def handleError(self, record: logging.LogRecord) -> None:
        """Pass over what could not be written: the usual traceback on stderr would help nobody."""


def system_info() -> str:
    """Return the versions of program, Python and system, for logs and reports of errors."""
    return f"Classifold {__version__}, Python {sys.version.split()[0]}, {platform.platform()}"


def log_to_rotating_file(path: Path) -> None:
    """Send all log records of the process to `path`, at most a few megabytes in all."""
    with suppress(OSError):  # without a folder there is no log, and the program goes on
        path.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    root.addHandler(_LogFile(path, _MAX_BYTES))
    root.setLevel(logging.INFO)
    logging.getLogger("wakepy").setLevel(logging.WARNING)  # it tells at length which desktops it did not find


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Send the engine's log records to `path` as well while the block runs; an exception leaves its traceback."""
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
