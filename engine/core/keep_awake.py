"""Keep the computer from falling asleep."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from wakepy import Mode, keep

logger = logging.getLogger(__name__)


@contextmanager
def keep_awake(is_wanted: bool = True) -> Iterator[None]:
    """Keep the computer awake while the block runs, where the system lets us; its screen may go dark.

    Where it does not let us, such as on a server without a desktop, the block runs all the same.
    """
    mode = _begin() if is_wanted else None
    try:
        yield
    finally:
        if mode is not None:
            _end(mode)


def _begin() -> Mode | None:
    mode = keep.running(on_fail="pass")
    try:
        mode.__enter__()
    except Exception as error:  # the ways of desktops to answer oddly have no end, and no run may end by one
        logger.warning("The computer is not kept awake: %r", error, exc_info=True)
        return None
    logger.info("The computer is kept awake." if mode.active else "This system cannot be kept awake by a program.")
    return mode


def _end(mode: Mode) -> None:
    try:
        mode.__exit__(None, None, None)
    except Exception as error:  # as above
        logger.warning("The computer may stay awake until the program ends: %r", error, exc_info=True)
