"""Damaged image files of every format for `python -m tests.fuzz images`, see `tests.fuzz`."""

import base64
import functools
import random
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from engine.audit.fingerprint import fingerprint
from engine.data.decode import MAX_DECODE_BYTES, decode
from tests.image_bytes import HEIC, encode, png, png_chunk, tiled_tiff
from tests.images import draw_scene
from tests.tiff_bytes import DEFLATE, LZW, tiff

MAX_MEMORY = MAX_DECODE_BYTES + 900_000_000
"""Bytes: the limit for decoding, the 200 million pixels that may be returned, and 300 MB for the program itself."""

_MIN_SIDE = 24
_MAX_REPEATED_BYTES = 4_000_000

Mutate: TypeAlias = Callable[[bytes, random.Random], bytes]


def suffix(seed: int) -> str:
    """Return the end of the file name; the format is detected by the content."""
    return ".jpg"


def damaged_file(seed: int) -> bytes:
    """Return the bytes of a damaged file, the same ones for the same seed."""
    rng = random.Random(seed)
    valid_files = _valid_files()
    content = valid_files[seed % len(valid_files)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice((_flip, _flip, _cut, _repeat, _splice, _stretch, _stretch, _stretch, _drop))(content, rng)
    return _with_valid_checksums(content) if rng.random() < 0.7 else content


def open_file(path: Path) -> None:
    """Decode a file at full and reduced size and fingerprint it.

    Raises:
        EngineError: The file is refused.
    """
    try:
        decode(path)
    finally:
        decode(path, _MIN_SIDE)
    fingerprint(path)


@functools.cache
def _valid_files() -> tuple[bytes, ...]:
    """Return a valid file of each kind."""
    scene = draw_scene(0, (60, 45))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x0132] = "Maker", 6, "2024:01:02 03:04:05"
    exif.get_ifd(0x8825)[1] = "N"
    transparent = scene.copy()
    transparent.putalpha(scene.convert("L"))
    grey = np.asarray(scene.convert("L"))
    deep, floats = Image.fromarray(grey.astype(np.uint16) * 257), Image.fromarray(grey / np.float32(255))
    return (
        encode(scene, "JPEG", exif=exif),
        encode(scene, "JPEG", progressive=True, icc_profile=bytes(500)),
        encode(scene.convert("CMYK"), "JPEG"),
        encode(scene.convert("L"), "JPEG", subsampling=0, restart_marker_rows=1),
        _animation("MPO"),
        encode(scene, "PNG", exif=exif, icc_profile=bytes(500)),
        encode(scene.quantize(16), "PNG", transparency=3),
        encode(transparent, "PNG"),
        encode(deep, "PNG"),
        encode(scene.convert("1"), "PNG"),
        _animation("PNG"),
        _animation("GIF"),
        encode(scene.quantize(8), "GIF", transparency=0, interlace=1),
        encode(scene, "BMP"),
        encode(scene.quantize(16), "BMP"),
        *(
            encode(scene, "TIFF", compression=name, exif=exif)
            for name in ("raw", "jpeg", "tiff_lzw", "tiff_adobe_deflate")
        ),
        encode(scene.convert("1"), "TIFF", compression="group4"),
        encode(scene.convert("CMYK"), "TIFF", compression="packbits"),
        encode(floats, "TIFF"),
        tiled_tiff(32),
        tiff(np.asarray(scene).astype(np.float64), planar=True),
        tiff(np.asarray(scene).astype(np.float16), compression=DEFLATE, tile=16, order=">"),
        tiff(np.asarray(scene).astype(np.uint16), planar=True, rows_per_strip=7, compression=LZW),
        png(np.asarray(scene).astype(np.uint16) * 16, 16, 2),
        png(np.asarray(transparent).astype(np.uint16) * 16, 16, 6),
        _animation("TIFF"),
        encode(scene, "WEBP", exif=exif),
        encode(transparent, "WEBP", lossless=True),
        _animation("WEBP"),
        encode(transparent, "AVIF", exif=exif),
        _animation("AVIF"),
        base64.b64decode(HEIC),
        encode(scene, "PPM"),
        b"P3 8 8 255\n" + b"12 200 255 " * 64,
        b"P5 8 8 100\n" + bytes(range(64)),
        encode(transparent, "ICO", sizes=[(32, 24), (48, 36)]),
        encode(scene, "ICO", sizes=[(32, 24)], bitmap_format="bmp"),
        encode(scene, "TGA", compression="tga_rle"),
        encode(scene.quantize(16), "TGA"),
        encode(scene, "JPEG2000"),
        encode(transparent, "JPEG2000", irreversible=True, tile_size=(32, 32)),
    )


def _animation(kind: str) -> bytes:
    first, *more = (draw_scene(number, (60, 45)) for number in range(3))
    return encode(first, kind, save_all=True, append_images=more)


def _position(content: bytes, rng: random.Random) -> int:
    """Return a random position, often in the first bytes, which contain the lengths."""
    return rng.randrange(max(1, min(len(content), rng.choice((40, 200, 1000, 10**9)))))


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[_position(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: _position(content, rng)]


def _drop(content: bytes, rng: random.Random) -> bytes:
    first = _position(content, rng)
    return content[:first] + content[first + rng.choice((1, 2, 4, 12, 100)) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    """Repeat a part of the file, which starts at a chunk in half of the cases."""
    starts = [match.start() for match in re.finditer(rb"\xff[\xc0-\xfe]|IDAT|tEXt|!\xf9|VP8|ispe|infe", content)]
    first = rng.choice(starts) if starts and rng.random() < 0.5 else _position(content, rng)
    length = rng.choice((1, 4, 12, 50, 400, 4000))
    times = min(rng.choice((1, 2, 10, 1000, 100_000)), _MAX_REPEATED_BYTES // length)
    return content[:first] + content[first : first + length] * times + content[first:]


def _splice(content: bytes, rng: random.Random) -> bytes:
    other = rng.choice(_valid_files())
    return content[: _position(content, rng)] + other[_position(other, rng) :]


def _stretch(content: bytes, rng: random.Random) -> bytes:
    """Overwrite a few bytes, possibly a length, with an extreme number."""
    code, end = rng.choice(((">H", 2**16), ("<H", 2**16), (">I", 2**32), ("<I", 2**32), ("<B", 2**8)))
    number = rng.choice((0, 1, end - 1, end // 2 - 1, end // 2, end // 4, rng.randrange(end), 30_000 % end))
    first = _position(content, rng)
    return content[:first] + struct.pack(code, number) + content[first + struct.calcsize(code) :]


def _with_valid_checksums(content: bytes) -> bytes:
    """Return a PNG with corrected checksums, so that changed chunks are read; return other files unchanged."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    chunks, position = [content[:8]], 8
    while position + 12 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        chunks.append(png_chunk(content[position + 4 : position + 8], content[position + 8 : position + 8 + length]))
        position += 12 + length
    return b"".join(chunks)
