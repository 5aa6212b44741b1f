"""Memory-mapped file of image rows, which several processes may use at the same time.

The file begins with the aspect ratio of each row (float32, 0 for a row that is not filled); the rows follow at the next
page. Both are in one file, so that a row never counts as filled in a file that lacks it.
"""

import math
import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.core.atomic_write import create_once, sync_file
from engine.core.cache import keep_while_alive, mark_used, reserve_space

Aspects: TypeAlias = npt.NDArray[np.float32]

_PAGE_BYTES = 4096
_CHUNK_BYTES = 16 * 1024**2


class RowFile:
    """A mapped file; it stays valid for this process if another one deletes it."""

    def __init__(self, path: Path, num_rows: int, row_bytes: int) -> None:
        """Open or create the file in the cache folder.

        Args:
            path: The file.
            num_rows: Number of rows.
            row_bytes: Size of a row.

        Raises:
            OSError: There is no space, or the file cannot be created or mapped.
        """
        start = math.ceil(4 * num_rows / _PAGE_BYTES) * _PAGE_BYTES
        num_bytes = start + num_rows * row_bytes
        _create(path, num_bytes)
        with open(path, "rb+") as file:
            if os.fstat(file.fileno()).st_size != num_bytes:  # otherwise an access behind its end kills the program
                raise OSError("the file of decoded images has another size")
            self._map = mmap.mmap(file.fileno(), num_bytes)
        self._path = path
        self._aspects: Aspects = np.frombuffer(self._map, np.float32, num_rows)
        self.rows: npt.NDArray[np.uint8] = np.frombuffer(self._map, np.uint8, offset=start).reshape(num_rows, row_bytes)
        """Shape (num_rows, row_bytes); may be written."""
        keep_while_alive(path, self)

    def read_aspects(self) -> Aspects:
        """Return the aspect ratio of each row that some process has filled and flushed, and 0 for the others."""
        aspects = self._aspects.copy()
        aspects[~(np.isfinite(aspects) & (aspects > 0))] = 0
        return aspects

    def publish(self, aspects: Aspects) -> None:
        """Flush the rows to the disk, then write the aspect ratios of those that are filled; raises OSError.

        In this order, so that after a power failure no row counts as filled that is not on the disk.
        """
        self._flush()
        is_filled = aspects > 0
        self._aspects[is_filled] = aspects[is_filled]
        self._flush()
        mark_used(self._path)

    def _flush(self) -> None:
        self._map.flush()  # Windows flushes mapped pages only by this
        # Another process may have deleted the file to make space; this one uses it on
        with suppress(FileNotFoundError), open(self._path, "rb+") as file:
            sync_file(file.fileno())


def _create(path: Path, num_bytes: int) -> None:
    """Allocate the whole file now: writing to a mapped file on a full disk would kill the program with SIGBUS."""
    if path.is_file():
        if path.stat().st_size == num_bytes:
            return
        path.unlink()
    if not reserve_space(num_bytes):
        raise OSError("there is not enough disk space")
    create_once(path, lambda temporary: _fill(temporary, num_bytes))


def _fill(path: Path, num_bytes: int) -> None:
    with open(path, "wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, num_bytes)
        else:
            for start in range(0, num_bytes, _CHUNK_BYTES):
                file.write(bytes(min(_CHUNK_BYTES, num_bytes - start)))
