"""Where the program keeps its log."""

import logging
import logging.handlers
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import __version__

_FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


def log_to_rotating_file(path: Path) -> None:
    """Send all log records of the process to `path`, at most a few megabytes in all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=True
    )
    handler.setFormatter(_FORMAT)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Send the engine's log records to `path` as well while the block runs; an exception leaves its traceback."""
    logger = logging.getLogger("engine")
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_FORMAT)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.info("Classifold %s, Python %s, %s", __version__, sys.version.split()[0], platform.platform())
    try:
        yield
    except Exception:
        logger.exception("The run failed")
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()
