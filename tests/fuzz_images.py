"""Image files of every format, damaged, for `python -m tests.fuzz images`: see `tests.fuzz`."""

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
from tests.image_bytes import HEIC, encode, png_chunk, tiled_tiff
from tests.images import draw_scene

MEMORY_BOUND = MAX_DECODE_BYTES + 900_000_000
"""Bytes: what decoding may take, the 200 million pixels it may return, and 300 MB for the program itself."""

_MIN_SIDE = 24
_LARGEST_REPEATED = 4_000_000

Mutate: TypeAlias = Callable[[bytes, random.Random], bytes]


def suffix(seed: int) -> str:
    """Return how the file of a seed ends; what it is, its bytes tell."""
    return ".jpg"


def mutated(seed: int) -> bytes:
    """Return the file of a seed: always the same bytes."""
    dice = random.Random(seed)
    wholes = _wholes()
    content = wholes[seed % len(wholes)]
    for _ in range(dice.choice((1, 1, 2, 3))):
        content = dice.choice((_flip, _flip, _cut, _repeat, _splice, _stretch, _stretch, _stretch, _drop))(
            content, dice
        )
    return _with_right_sums(content) if dice.random() < 0.7 else content


def open(path: Path) -> None:
    """Read a file as the check and the training do, and as a whole; raise EngineError where it is refused."""
    try:
        decode(path)
    finally:
        decode(path, _MIN_SIDE)
    fingerprint(path)


@functools.cache
def _wholes() -> tuple[bytes, ...]:
    """Return one file of each kind, none of them damaged."""
    scene = draw_scene(0, (60, 45))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x0132] = "Maker", 6, "2024:01:02 03:04:05"
    exif.get_ifd(0x8825)[1] = "N"
    clear = scene.copy()
    clear.putalpha(scene.convert("L"))
    grey = np.asarray(scene.convert("L"))
    deep, floats = Image.fromarray(grey.astype(np.uint16) * 257), Image.fromarray(grey / np.float32(255))
    return (
        encode(scene, "JPEG", exif=exif),
        encode(scene, "JPEG", progressive=True, icc_profile=bytes(500)),
        encode(scene.convert("CMYK"), "JPEG"),
        encode(scene.convert("L"), "JPEG", subsampling=0, restart_marker_rows=1),
        _film("MPO"),
        encode(scene, "PNG", exif=exif, icc_profile=bytes(500)),
        encode(scene.quantize(16), "PNG", transparency=3),
        encode(clear, "PNG"),
        encode(deep, "PNG"),
        encode(scene.convert("1"), "PNG"),
        _film("PNG"),
        _film("GIF"),
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
        _film("TIFF"),
        encode(scene, "WEBP", exif=exif),
        encode(clear, "WEBP", lossless=True),
        _film("WEBP"),
        encode(clear, "AVIF", exif=exif),
        _film("AVIF"),
        base64.b64decode(HEIC),
        encode(scene, "PPM"),
        b"P3 8 8 255\n" + b"12 200 255 " * 64,
        b"P5 8 8 100\n" + bytes(range(64)),
        encode(clear, "ICO", sizes=[(32, 24), (48, 36)]),
        encode(scene, "ICO", sizes=[(32, 24)], bitmap_format="bmp"),
        encode(scene, "TGA", compression="tga_rle"),
        encode(scene.quantize(16), "TGA"),
        encode(scene, "JPEG2000"),
        encode(clear, "JPEG2000", irreversible=True, tile_size=(32, 32)),
    )


def _film(kind: str) -> bytes:
    first, *others = (draw_scene(number, (60, 45)) for number in range(3))
    return encode(first, kind, save_all=True, append_images=others)


def _place(content: bytes, dice: random.Random) -> int:
    """Return where to change something: often in the first bytes, where the lengths are."""
    return dice.randrange(max(1, min(len(content), dice.choice((40, 200, 1000, 10**9)))))


def _flip(content: bytes, dice: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[_place(content, dice)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: _place(content, dice)]


def _drop(content: bytes, dice: random.Random) -> bytes:
    first = _place(content, dice)
    return content[:first] + content[first + dice.choice((1, 2, 4, 12, 100)) :]


def _repeat(content: bytes, dice: random.Random) -> bytes:
    """Repeat a part: a chunk where one begins, else anything."""
    starts = [found.start() for found in re.finditer(rb"\xff[\xc0-\xfe]|IDAT|tEXt|!\xf9|VP8|ispe|infe", content)]
    first = dice.choice(starts) if starts and dice.random() < 0.5 else _place(content, dice)
    length = dice.choice((1, 4, 12, 50, 400, 4000))
    times = min(dice.choice((1, 2, 10, 1000, 100_000)), _LARGEST_REPEATED // length)
    return content[:first] + content[first : first + length] * times + content[first:]


def _splice(content: bytes, dice: random.Random) -> bytes:
    other = dice.choice(_wholes())
    return content[: _place(content, dice)] + other[_place(other, dice) :]


def _stretch(content: bytes, dice: random.Random) -> bytes:
    """Put an extreme number where perhaps a length stood."""
    form, most = dice.choice(((">H", 2**16), ("<H", 2**16), (">I", 2**32), ("<I", 2**32), ("<B", 2**8)))
    number = dice.choice((0, 1, most - 1, most // 2 - 1, most // 2, most // 4, dice.randrange(most), 30_000 % most))
    first = _place(content, dice)
    return content[:first] + struct.pack(form, number) + content[first + struct.calcsize(form) :]


def _with_right_sums(content: bytes) -> bytes:
    """Return a PNG with the checksums that fit, so that what was changed is read at all; others as they are."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    parts, place = [content[:8]], 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        parts.append(png_chunk(content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return b"".join(parts)
