"""TIFF files of unusual kinds as bytes, for tests: any sample type, byte order, channels, planes and tiles."""

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_FORMATS = {"u": 1, "i": 2, "f": 3, "c": 6}
UNCOMPRESSED, LZW, DEFLATE, PACK_BITS, LZMA, ZSTANDARD = 1, 5, 8, 32773, 34925, 50000
MIN_IS_WHITE, MIN_IS_BLACK, RGB = 0, 1, 2


def tiff(
    *pages: npt.NDArray[Any],
    order: str = "<",
    planar: bool = False,
    compression: int = UNCOMPRESSED,
    rows_per_strip: int | None = None,
    tile: int | None = None,
    tags: Mapping[int, int | float | str] = {},
) -> bytes:
    """Return a TIFF file.

    Args:
        pages: Samples of each page, shape (H, W) or (H, W, C).
        order: Byte order, "<" or ">".
        planar: Store the channels one after the other.
        compression: One of the numbers above; another one is written, but the data is not compressed.
        rows_per_strip: Rows of a strip; None: one strip.
        tile: Side of square tiles in place of strips.
        tags: Further tags, which replace those of samples and strips.
    """
    content = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 0))
    link = 4
    for page in pages:
        samples = page if page.ndim == 3 else page[..., None]
        entries = _describe(samples, planar, compression)
        chunks = [
            _compress(chunk, compression)
            for chunk in _chunks(samples.astype(samples.dtype.newbyteorder(order)), planar, rows_per_strip, tile)
        ]
        offsets = []
        for chunk in chunks:
            offsets.append(len(content))
            content += chunk + bytes(len(chunk) % 2)
        sizes = [len(chunk) for chunk in chunks]
        if tile is None:
            entries |= {273: offsets, 278: rows_per_strip or len(samples), 279: sizes}
        else:
            entries |= {322: tile, 323: tile, 324: offsets, 325: sizes}
        link = _write_directory(content, link, entries | dict(tags), order)
    return bytes(content)


def _describe(samples: npt.NDArray[Any], planar: bool, compression: int) -> dict[int, Any]:
    height, width, channels = samples.shape
    entries: dict[int, Any] = {
        256: width,
        257: height,
        258: [8 * samples.dtype.itemsize] * channels,
        259: compression,
        262: MIN_IS_BLACK if channels < 3 else RGB,
        277: channels,
        284: 2 if planar else 1,
        339: [_FORMATS[samples.dtype.kind]] * channels,
    }
    extra = channels - (1 if channels < 3 else 3)
    return entries | ({338: [0] * extra} if extra else {})


def _chunks(samples: npt.NDArray[Any], planar: bool, rows_per_strip: int | None, tile: int | None) -> list[bytes]:
    planes = [samples[..., channel : channel + 1] for channel in range(samples.shape[2])] if planar else [samples]
    chunks = []
    for plane in planes:
        height, width = plane.shape[:2]
        if tile is None:
            rows = rows_per_strip or height
            chunks += [plane[top : top + rows].tobytes() for top in range(0, height, rows)]
            continue
        padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
        chunks += [
            padded[top : top + tile, left : left + tile].tobytes()
            for top in range(0, height, tile)
            for left in range(0, width, tile)
        ]
    return chunks


def _compress(chunk: bytes, compression: int) -> bytes:
    if compression == DEFLATE:
        return zlib.compress(chunk)
    names = {LZW: "tiff_lzw", PACK_BITS: "packbits", LZMA: "lzma", ZSTANDARD: "zstd"}
    if compression not in names:
        return chunk
    file = io.BytesIO()
    Image.frombytes("L", (len(chunk), 1), chunk).save(file, "TIFF", compression=names[compression])
    with Image.open(file) as strip:
        (offset,), (size,) = strip.tag_v2[273], strip.tag_v2[279]  # type: ignore[attr-defined]
    return file.getvalue()[offset : offset + size]


def _write_directory(content: bytearray, link: int, entries: Mapping[int, Any], order: str) -> int:
    """Append a directory, let the previous one point to it, and return the position of its own link."""
    position = len(content)
    content[link : link + 4] = struct.pack(order + "I", position)
    values = {tag: _encode(value, order) for tag, value in sorted(entries.items())}
    extra = position + 2 + 12 * len(values) + 4
    directory, tail = bytearray(struct.pack(order + "H", len(values))), bytearray()
    for tag, (kind, count, data) in values.items():
        directory += struct.pack(order + "HHI", tag, kind, count)
        if len(data) > 4:
            directory += struct.pack(order + "I", extra + len(tail))
            tail += data + bytes(len(data) % 2)
        else:
            directory += data.ljust(4, b"\0")
    content += directory + bytes(4) + tail
    return extra - 4


def _encode(value: int | float | str | Sequence[int], order: str) -> tuple[int, int, bytes]:
    if isinstance(value, str):
        return 2, len(value) + 1, value.encode() + b"\0"
    if isinstance(value, float):
        return 12, 1, struct.pack(order + "d", value)
    numbers = [value] if isinstance(value, int) else list(value)
    kind, letter = (3, "H") if max(numbers) < 2**16 else (4, "I")
    return kind, len(numbers), struct.pack(order + letter * len(numbers), *numbers)
