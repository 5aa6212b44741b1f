"""Pause Python's cyclic garbage collector while many objects are made that stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Collect no cyclic garbage during the block, unless the caller has disabled the collector anyway.

    Importing torch makes 190,000 objects; the collector would look at them several times and free almost none, which
    takes a fifth of the time of the import (docs/performance.md).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
