"""Decode image files in background threads for the window."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeAlias

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from engine.core.errors import EngineError
from engine.data.decode import Pixels, thumbnail
from engine.data.pixels.grey_range import GreyRanges

Read: TypeAlias = Callable[[Path, GreyRanges | None], Pixels]
"""Decodes a file; images with more than 8 bits per channel are scaled by the ranges."""


def thumbnail_reader(side: int) -> Read:
    """Return the function that decodes the central square of an image with `side` pixels."""
    return lambda path, ranges: thumbnail(path, side, ranges)


class Decoder(QObject):
    """Decodes requested files and drops the oldest requests when too many are waiting."""

    decoded = Signal(Path, QImage, str)
    """The file, its image (null if unreadable) and the error message (empty if readable)."""
    ranges_changed = Signal()
    """Images that were decoded before may look different now."""

    def __init__(self, read: Read, num_threads: int, max_waiting: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._read = read
        self._grey_ranges: GreyRanges | None = GreyRanges()
        self._max_waiting = max_waiting
        self._waiting: OrderedDict[Path, Future[None]] = OrderedDict()
        self._pool = ThreadPoolExecutor(num_threads, "decoder")
        self.decoded.connect(self._on_decoded)
        self.destroyed.connect(partial(self._pool.shutdown, wait=True, cancel_futures=True))

    def set_grey_ranges(self, ranges: GreyRanges | None) -> None:
        """Scale images with more than 8 bits per channel by the ranges of a dataset or model."""
        if ranges != self._grey_ranges:
            self._grey_ranges = ranges
            self.ranges_changed.emit()

    def request(self, path: Path) -> None:
        """Queue a file unless it is queued already, and drop the oldest requests above the limit."""
        if path not in self._waiting:
            self._waiting[path] = self._pool.submit(self._decode, path)
            self.forget(self._max_waiting)

    def forget(self, num_kept: int = 0) -> None:
        """Drop the oldest requests that have not started until at most `num_kept` are left."""
        for path in list(self._waiting)[: max(0, len(self._waiting) - num_kept)]:
            if self._waiting[path].cancel():
                del self._waiting[path]

    def _read_with_ranges(self, path: Path) -> Pixels:
        while True:
            ranges = self._grey_ranges
            pixels = self._read(path, ranges)
            if ranges == self._grey_ranges:  # otherwise they have changed meanwhile
                return pixels

    def _decode(self, path: Path) -> None:
        # This runs in a worker thread, where a QImage may be created but a QPixmap may not
        try:
            pixels = self._read_with_ranges(path)
            height, width, _ = pixels.shape
            image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
            message = ""
        except EngineError as error:
            image, message = QImage(), error.message
        self.decoded.emit(path, image, message)

    def _on_decoded(self, path: Path) -> None:
        self._waiting.pop(path, None)
