"""Prevention of sleep during long jobs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from wakepy import Mode, keep

logger = logging.getLogger(__name__)


@contextmanager
def keep_awake(is_enabled: bool = True) -> Iterator[None]:
    """Keep the computer awake during the block; the screen may turn off.

    The block also runs on systems without this feature, such as a server without a desktop.
    """
    mode = _begin() if is_enabled else None
    try:
        yield
    finally:
        if mode is not None:
            _end(mode)


def _begin() -> Mode | None:
    mode = keep.running(on_fail="pass")
    try:
        mode.__enter__()
    except Exception as error:  # desktops fail in many ways, and none of them may end a run
        logger.warning("The computer is not kept awake: %r", error, exc_info=True)
        return None
    logger.info("The computer is kept awake." if mode.active else "Programs cannot keep this system awake.")
    return mode


def _end(mode: Mode) -> None:
    try:
        mode.__exit__(None, None, None)
    except Exception as error:  # as above
        logger.warning("The computer may stay awake until the program ends: %r", error, exc_info=True)
