"""Small image files as bytes, for tests with damaged and unusual files."""

import io
import struct
import zlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Colour: TypeAlias = tuple[int, int, int]

RED, WHITE, BLACK, GREY = (255, 0, 0), (255, 255, 255), (0, 0, 0), (128, 128, 128)
SIZE = (48, 32)

# 64 x 48 pixels, written by libheif with x265; pi-heif can only read HEIC.
HEIC = """
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAAAERA
AAEAAQAAAAABoQABAAAAAAAAAIcAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAA
AHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq
5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAA
MAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAI9tZGF0AAAAgygBrxOA+BDhp//8TSj/
+nXPD9PMiYlW/qlxUfhij/89rY/JKRa6aLjI6mh8LZa/H9EEOpVIlW+HQUEtuQb/hdTDlbZrZhM/3ct4hE3uYR6YdHMyfpLKX4N7hFyMZtHJpQ7nV/TU
oZTg0LYllmhz/kKO5zORJX+rPrSSjUGTzz9cU/7W
"""


def two_halves(size: tuple[int, int] = SIZE, left: Colour = RED, right: Colour = WHITE) -> Image.Image:
    """Return an image whose left and right half have one colour each; `size` is width and height in pixels."""
    image = Image.new("RGB", size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the bytes of an image file in Pillow's format `kind`, saved with `options`."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg_of_three_scans(image: Image.Image) -> bytes:
    """Return a JPEG that is not progressive but has one scan for each channel, put together from three grey ones."""
    channels = [encode(channel, "JPEG") for channel in image.convert("YCbCr").split()]
    first = channels[0]
    frame, scan = first.index(b"\xff\xc0"), first.index(b"\xff\xda")
    components = b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    header = first[:frame] + b"\xff\xc0\0\x11" + first[frame + 4 : frame + 9] + b"\3" + components
    scans = (
        b"\xff\xda\0\x08\1" + bytes((number, 0, 0, 63, 0)) + content[content.index(b"\xff\xda") + 10 : -2]
        for number, content in enumerate(channels, start=1)
    )
    return header + first[frame + 13 : scan] + b"".join(scans) + first[-2:]


def png(samples: npt.NDArray[np.unsignedinteger], bits: int, colour_type: int, chunks: bytes = b"") -> bytes:
    """Return a PNG file of any bit depth.

    Args:
        samples: Shape (H, W, C).
        bits: Bits per sample.
        colour_type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha.
        chunks: Chunks before the pixels.
    """
    height, width = samples.shape[:2]
    digits = np.unpackbits(samples.astype(">u2")[..., None].view(np.uint8), axis=-1)[..., -bits:]
    rows = np.packbits(digits.reshape(height, -1), axis=1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + chunks + png_chunk(b"IDAT", zlib.compress(data)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def with_png_chunks(chunks: bytes) -> bytes:
    """Return a PNG file with additional chunks after its header."""
    content = encode(two_halves(), "PNG")
    return content[:33] + chunks + content[33:]


def tiled_tiff(side: int) -> bytes:
    """Return a black TIFF of 32 x 32 pixels in one tile of `side` x `side` pixels; a huge tile is truncated."""
    tile = zlib.compress(bytes(min(side * side, 80_000_000)), 1)
    tags = ((256, 32), (257, 32), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side))
    tags += ((324, 10 + 12 * 10 + 4), (325, len(tile)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(4) + tile
