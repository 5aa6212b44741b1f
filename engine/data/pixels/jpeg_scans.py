"""Number of scans of a JPEG file, from its markers (ITU-T T.81, annex B)."""

import re
from typing import BinaryIO

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""A marker that is no restart marker; in compressed data a zero follows every 0xFF."""
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
_FIRST_BLOCK_BYTES, _MAX_BLOCK_BYTES = 4096, 1024**2


def count_scans(file: BinaryIO) -> int:
    """Return the number of scans of the first image in a JPEG file.

    Scans of a thumbnail, and of further images behind the first one, are not counted: only the first image is decoded.
    """
    num_scans, position = 0, 2
    while (found := _find_marker(file, position)) is not None:
        position, code = found
        if code == _END_OF_IMAGE:
            break
        num_scans += code == _START_OF_SCAN
        if code != _START_OF_IMAGE:
            file.seek(position)
            position += max(2, int.from_bytes(file.read(2), "big"))
    return num_scans


def _find_marker(file: BinaryIO, position: int) -> tuple[int, int] | None:
    """Return the position behind the next marker, and its code; None at the end of the file."""
    size = _FIRST_BLOCK_BYTES
    while True:
        file.seek(position)
        block = file.read(size)
        match = _MARKER.search(block)
        if match is not None:
            return position + match.end(), block[match.end() - 1]
        if len(block) < size:
            return None
        position += size - 1  # the last byte may be the first one of a marker
        size = min(2 * size, _MAX_BLOCK_BYTES)
