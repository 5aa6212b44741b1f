"""The one function that turns an image file into pixels, for training, thumbnails, prediction and export alike.

Anybody's file may be anything, so what one may cost is bounded. All pictures that are being decoded, in all threads,
take at most MEMORY bytes together beside the pixels that are returned; those that would take more alone are refused.
Not counted are the bytes of the files themselves, 128 MB each at most, and what the allocator of the system keeps back.
"""

import errno
import math
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
import pi_heif
from PIL import Image, PngImagePlugin, TiffImagePlugin
from PIL.ExifTags import Base

from engine.core.errors import EngineError
from engine.core.safe_read import open_image_file
from engine.core.threads import WeightedSemaphore
from engine.data.exif import ImageHeader, read_image_header

Pixels: TypeAlias = npt.NDArray[np.uint8]

MAX_DECODE_BYTES = 2_000_000_000
"""Bytes for the pictures being decoded at one time: one PNG or JPEG of 200 million pixels."""

# The formats of engine.core.file_names.IMAGE_SUFFIXES. Other decoders of Pillow stay off: one runs a program, and
# few were written for untrusted input. JPEG and HEIF include MPO and HEIC.
_FORMATS_READ_IN_PARTS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", "ICO", "TGA")
_FORMATS = (*_FORMATS_READ_IN_PARTS, "WEBP", "AVIF", "HEIF", "JPEG2000")
_MOST_BYTES_READ_WHOLE = 128 * 1024**2
"""The largest file of a format that Pillow can only read as a whole."""
_MOST_FILE_BYTES = 4 * 1024**3

# Seen at their peak while 64 million pixels were decoded: 4 for PNG, 10 for a progressive JPEG, 7 for HEIC, 11 for
# AVIF, 16 for WebP, 19 for JPEG 2000
_BYTES_PER_PIXEL = {"WEBP": 16, "JPEG2000": 24, "AVIF": 12}
_USUAL_BYTES_PER_PIXEL = 10
_SLOWEST_PIXELS = 2_000_000
"""The most for the few kinds that are decoded in Python, which takes about a second a million."""
_MOST_SCANNED = 4_000_000_000
"""The most pixels that a JPEG goes over in all its scans, which takes about a second for 1,000 million."""
_PIXELS_PER_SCAN = 50_000
"""How many pixels a scan costs beside those it goes over."""
_LARGE = 16_000_000
"""Pixels from which a picture is handled in strips, and reduced before it is returned."""
_STRIP = 2_000_000
"""Pixels of a strip."""
_MAX_SIDE = 100_000
"""Pixels of the longer side: a picture that is long and thin can hardly be reduced."""
_TEXT_BYTES = 64 * 1024**2

pi_heif.register_heif_opener()
# Pillow's own check refuses beyond twice its limit, also what is inside of icons and tiles, which the header hides
Image.MAX_IMAGE_PIXELS = MAX_DECODE_BYTES // _USUAL_BYTES_PER_PIXEL // 2
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _TEXT_BYTES  # the usual 1 MB refuses edited photos
# What Pillow has to say of broken tags goes to nobody who could do something about it
warnings.filterwarnings("ignore", module=r"PIL\.")

_budget = WeightedSemaphore(MAX_DECODE_BYTES)

_TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, 3),
    7: lambda pixels: pixels.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda pixels: np.rot90(pixels),
}
"""What shows a picture of an EXIF orientation upright."""
_ALPHA_MODES = {"RGBA", "LA", "PA", "La", "RGBa"}


def decode(path: Path, min_side: int | None = None) -> Pixels:
    """Return the picture in a file as RGB, shape (height, width, 3), 0..255, the way up its EXIF tag says.

    Transparent parts become white, deep greys and floats are scaled to 8 bits, of an animation the first frame is
    taken. With `min_side` a JPEG, and any picture of more than 16 million pixels, may come at a reduced size whose
    shorter side still has at least that many pixels.

    Raises EngineError where the file is no readable image, or one that would take too much memory.
    """
    return decode_with_header(path, min_side)[0]


def decode_with_header(path: Path, min_side: int | None = None) -> tuple[Pixels, ImageHeader]:
    """Return what `decode` does and what the file says of itself."""
    try:
        with open_image_file(path) as file:
            return _decode(file, min_side)
    except EngineError as error:
        raise EngineError(error.message, path) from error
    except Exception as error:  # on broken bytes Pillow's readers raise nearly anything, so no shorter list is right
        raise EngineError(unreadable_reason(path, error), path) from error


def thumbnail(path: Path, side: int) -> Pixels:
    """Return the middle square of the picture at `side` x `side` pixels; raise EngineError where it is unreadable."""
    image = Image.fromarray(decode(path, min_side=side))
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.resize((side, side), Image.Resampling.BILINEAR, (left, top, left + short, top + short))
    return np.asarray(square)


def _decode(file: BinaryIO, min_side: int | None) -> tuple[Pixels, ImageHeader]:
    with Image.open(file, formats=_formats(file)) as image:
        num_bytes = _num_bytes(image, file, min_side)
        if num_bytes > MAX_DECODE_BYTES or max(image.size) > _MAX_SIDE:
            raise EngineError(f"It is too large: {image.width} x {image.height} pixels.")
        with _budget.acquire_units(num_bytes):
            with closing(image):
                header = read_image_header(image)  # of some formats this decodes
                if min_side is not None:
                    _reduce_while_decoding(image, min_side)
                pixels = _to_rgb(image, _reduction(image, min_side))
            turn = _TURNS.get(header.orientation)
            return pixels if turn is None else np.ascontiguousarray(turn(pixels)), header


def _formats(file: BinaryIO) -> tuple[str, ...]:
    size = os.fstat(file.fileno()).st_size
    if size > _MOST_FILE_BYTES:
        raise EngineError(f"It is too large: a file of {size / 1e9:.1f} GB.")
    return _FORMATS if size <= _MOST_BYTES_READ_WHOLE else _FORMATS_READ_IN_PARTS


def _num_bytes(image: Image.Image, file: BinaryIO, min_side: int | None) -> int:
    """Return how much memory an opened picture takes while it is decoded; raise EngineError where that takes long."""
    num_pixels = image.width * image.height
    if num_pixels > _SLOWEST_PIXELS and any(tile[0] in Image.DECODERS for tile in getattr(image, "tile", ())):
        raise EngineError(f"It is too large for a file of its kind: {image.width} x {image.height} pixels.")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tile_width, tile_height = (image.tag_v2.get(tag, 0) for tag in (Base.TileWidth, Base.TileLength))
        if tile_width * tile_height * _USUAL_BYTES_PER_PIXEL > MAX_DECODE_BYTES:
            raise EngineError(f"It is too large: its tiles have {tile_width} x {tile_height} pixels.")
        num_pixels = max(num_pixels, tile_width * tile_height)
    if image.format in ("JPEG", "MPO"):
        is_whole_held = "progressive" in image.info
        if is_whole_held or num_pixels > _LARGE or os.fstat(file.fileno()).st_size > num_pixels:
            num_scans = _num_scans(file)
            is_whole_held |= num_scans > 1
            if num_scans * (num_pixels + _PIXELS_PER_SCAN) > _MOST_SCANNED:
                raise EngineError("It is made of too many parts.")
            if not is_whole_held and min_side is not None:
                num_pixels = round(num_pixels / max(1, min(8, min(image.size) / min_side / 2)) ** 2)
    return num_pixels * _BYTES_PER_PIXEL.get(image.format or "", _USUAL_BYTES_PER_PIXEL)


def _num_scans(file: BinaryIO) -> int:
    """Return how often a JPEG goes over its pixels: of a file of more than one scan all of it is held meanwhile."""
    place = file.tell()
    file.seek(0)
    num_scans = sum(block.count(b"\xff\xda") for block in iter(lambda: file.read(1024**2), b""))
    file.seek(place)
    return num_scans


def _reduce_while_decoding(image: Image.Image, min_side: int) -> None:
    scale = min_side / min(image.size)
    if scale < 1:
        # Pillow picks the smallest of the sizes a JPEG can be decoded at that is no smaller than this
        image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))


def _reduction(image: Image.Image, min_side: int | None) -> int:
    """Return by how much a picture is reduced before it is returned: twice of what is asked for stays, for filters."""
    if min_side is None or image.width * image.height <= _LARGE:
        return 1
    return max(1, min(image.size) // (2 * min_side))


def _to_rgb(image: Image.Image, reduction: int) -> Pixels:
    """Return the decoded picture as RGB, made strip by strip, so that no second copy is held meanwhile."""
    width, height = image.size
    rows = max(1, _STRIP // (width * reduction)) * reduction
    boxes = [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]
    span = _span(image, boxes) if _is_deep(image) else (0.0, 0.0)
    shown = np.empty((math.ceil(height / reduction), math.ceil(width / reduction), 3), np.uint8)
    for box in boxes:
        strip = _strip_to_rgb(image if len(boxes) == 1 else image.crop(box), span)
        if reduction > 1:
            strip = strip.reduce(reduction)
        first = box[1] // reduction
        shown[first : first + strip.height] = np.asarray(strip)
    return shown


def _strip_to_rgb(image: Image.Image, span: tuple[float, float]) -> Image.Image:
    if _is_deep(image):
        return Image.fromarray(_to_8_bits(np.asarray(image), *span)).convert("RGB")
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_deep(image: Image.Image) -> bool:
    return image.mode == "F" or image.mode.startswith("I")


def _span(image: Image.Image, boxes: Sequence[tuple[int, int, int, int]]) -> tuple[float, float]:
    """Return the grey values of 16 or 32 bits or floats that become black and white.

    They are those of the range of their type, else of their own.
    """
    lows, highs = zip(*(_extremes(image.crop(box)) for box in boxes))
    low, high = min(lows), max(highs)
    limits = (1, 255) if image.mode == "F" else (65535,)
    fitting = [limit for limit in limits if low >= 0 and high <= limit]
    return (0.0, float(fitting[0])) if fitting else (low, high)


def _extremes(image: Image.Image) -> tuple[float, float]:
    values = _finite(np.asarray(image))
    return float(values.min()), float(values.max())


def _to_8_bits(grey: npt.NDArray[np.generic], low: float, high: float) -> Pixels:
    return np.round((_finite(grey) - low) * (255 / (high - low or 1.0))).astype(np.uint8)


def _finite(grey: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    return np.nan_to_num(grey.astype(np.float64), posinf=0, neginf=0)


def unreadable_reason(path: Path, error: Exception) -> str:
    """Say in words why a file could not be read."""
    if isinstance(error, FileNotFoundError):
        return "It is a link that leads nowhere." if path.is_symlink() else "It is no longer there."
    if isinstance(error, PermissionError):
        return "You are not allowed to read it."
    if isinstance(error, MemoryError):
        return "It is too large for the memory of this computer."
    if isinstance(error, Image.DecompressionBombError):
        return f"It is too large: more than {MAX_DECODE_BYTES // _USUAL_BYTES_PER_PIXEL / 1e6:.0f} million pixels."
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "It is a link that leads back to itself."
    if isinstance(error, OSError) and "truncated" in str(error):
        return "It ends too early: the file is truncated."
    if isinstance(error, OSError) and error.errno is not None:  # Pillow's own have none
        return f"It cannot be read now: {error.strerror}."
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        return "It is empty."
    return "It is not an image this program can read, or it is damaged."
