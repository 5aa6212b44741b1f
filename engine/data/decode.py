"""Image decoding with bounded memory, for training, thumbnails, prediction and export.

Files may come from untrusted sources. All images that are decoded at the same time, in all threads, use at most
MAX_DECODE_BYTES in addition to the returned pixels; an image that needs more is rejected. The limit does not include
the files themselves (at most 128 MB each) and memory that the allocator of the system keeps.
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
from PIL import Image, ImageFile, PngImagePlugin, TiffImagePlugin
from PIL.ExifTags import Base

from engine.core.errors import EngineError
from engine.core.safe_read import open_image_file
from engine.core.threads import WeightedSemaphore
from engine.data.exif import ImageHeader, read_image_header

Pixels: TypeAlias = npt.NDArray[np.uint8]

MAX_DECODE_BYTES = 2_000_000_000
"""Memory for all images that are being decoded, enough for one PNG or JPEG of 200 million pixels."""

# The formats of engine.core.file_names.IMAGE_SUFFIXES. Other decoders of Pillow stay off: one runs a program, and
# few were written for untrusted input. JPEG and HEIF include MPO and HEIC.
_STREAMED_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", "ICO", "TGA")
_FORMATS = (*_STREAMED_FORMATS, "WEBP", "AVIF", "HEIF", "JPEG2000")
_MAX_UNSTREAMED_FILE_BYTES = 128 * 1024**2
"""Size limit of files in a format that Pillow reads into memory as a whole."""
_MAX_FILE_BYTES = 4 * 1024**3

# Measured peaks in bytes per pixel for images of 64 million pixels: 4 for PNG, 10 for a progressive JPEG, 7 for HEIC,
# 11 for AVIF, 16 for WebP, 19 for JPEG 2000
_BYTES_PER_PIXEL = {"WEBP": 16, "JPEG2000": 24, "AVIF": 12}
_DEFAULT_BYTES_PER_PIXEL = 10
_MAX_SLOW_PIXELS = 2_000_000
"""Pixel limit of the few formats that Pillow decodes in Python, at about one million pixels per second."""
_MAX_SCANNED_PIXELS = 4_000_000_000
"""Limit of the pixels of all scans of a JPEG together; 1,000 million take about one second."""
_PIXELS_PER_SCAN = 50_000
"""Fixed cost of one scan, in pixels."""
_LARGE_PIXELS = 16_000_000
"""Number of pixels above which an image may be reduced before it is returned."""
_STRIP_PIXELS = 2_000_000
"""Number of pixels that are converted to RGB at a time."""
_MAX_SIDE = 100_000
"""Limit of the longer side in pixels, since a long and thin image can hardly be reduced."""
_MAX_TEXT_BYTES = 64 * 1024**2

pi_heif.register_heif_opener()
# Pillow rejects images above twice this limit, including those inside icons and tiles, which the header does not show
Image.MAX_IMAGE_PIXELS = MAX_DECODE_BYTES // _DEFAULT_BYTES_PER_PIXEL // 2
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = (
    _MAX_TEXT_BYTES  # the default of 1 MB rejects edited photos
)
# Users cannot act on warnings of Pillow about broken tags
warnings.filterwarnings("ignore", module=r"PIL\.")

_memory = WeightedSemaphore(MAX_DECODE_BYTES)

_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, 3),
    7: lambda pixels: pixels.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda pixels: np.rot90(pixels),
}
"""Functions that turn the pixels upright, by EXIF orientation (1: already upright)."""
_ALPHA_MODES = {"RGBA", "LA", "PA", "La", "RGBa"}


def decode(path: Path, min_side: int | None = None) -> Pixels:
    """Decode an image file to RGB, turned upright by its EXIF orientation.

    Transparent areas become white, 16-bit and float greys are scaled to 8 bits, and only the first frame of an
    animation is decoded.

    Args:
        path: The image file.
        min_side: Allows a reduced size for JPEGs and images of more than 16 million pixels; the shorter side keeps at
            least this number of pixels. None: full size.

    Returns:
        uint8 array of shape (height, width, 3), values 0..255.

    Raises:
        EngineError: The file is not a readable image or needs too much memory.
    """
    return decode_with_header(path, min_side)[0]


def decode_with_header(path: Path, min_side: int | None = None) -> tuple[Pixels, ImageHeader]:
    """Return the pixels as `decode` does, and the metadata of the file."""
    try:
        with open_image_file(path) as file:
            return _decode(file, min_side)
    except EngineError as error:
        raise EngineError(error.message, path) from error
    except Exception as error:  # Pillow raises many kinds of exceptions for damaged files
        raise EngineError(unreadable_reason(path, error), path) from error


def thumbnail(path: Path, side: int) -> Pixels:
    """Return the central square of an image as uint8, shape (side, side, 3); raise EngineError if it is unreadable."""
    image = Image.fromarray(decode(path, min_side=side))
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.resize((side, side), Image.Resampling.BILINEAR, (left, top, left + short, top + short))
    return np.asarray(square)


def _decode(file: BinaryIO, min_side: int | None) -> tuple[Pixels, ImageHeader]:
    with Image.open(file, formats=_formats(file)) as image:
        num_bytes = _num_bytes(image, file, min_side)
        if num_bytes > MAX_DECODE_BYTES or max(image.size) > _MAX_SIDE:
            raise EngineError(f"This image is too large: {image.width} x {image.height} pixels.")
        with _memory.acquire_units(num_bytes):
            with closing(image):
                header = read_image_header(image)  # decodes the image in some formats
                if min_side is not None:
                    _reduce_while_decoding(image, min_side)
                pixels = _to_rgb(image, _reduction(image, min_side))
            turn_upright = _UPRIGHT.get(header.orientation)
            return pixels if turn_upright is None else np.ascontiguousarray(turn_upright(pixels)), header


def _formats(file: BinaryIO) -> tuple[str, ...]:
    size = os.fstat(file.fileno()).st_size
    if size > _MAX_FILE_BYTES:
        raise EngineError(f"This image file is too large: {size / 1e9:.1f} GB.")
    return _FORMATS if size <= _MAX_UNSTREAMED_FILE_BYTES else _STREAMED_FORMATS


def _num_bytes(image: ImageFile.ImageFile, file: BinaryIO, min_side: int | None) -> int:
    """Return the bytes of memory needed to decode an opened image; raise EngineError if decoding takes too long."""
    num_pixels = image.width * image.height
    if num_pixels > _MAX_SLOW_PIXELS and any(tile[0] in Image.DECODERS for tile in image.tile):
        raise EngineError(f"This image is too large for its file format: {image.width} x {image.height} pixels.")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tile_width, tile_height = (image.tag_v2.get(tag, 0) for tag in (Base.TileWidth, Base.TileLength))
        if tile_width * tile_height * _DEFAULT_BYTES_PER_PIXEL > MAX_DECODE_BYTES:
            raise EngineError(f"This image is too large: its tiles have {tile_width} x {tile_height} pixels.")
        num_pixels = max(num_pixels, tile_width * tile_height)
    if image.format in ("JPEG", "MPO"):
        is_buffered = "progressive" in image.info
        if is_buffered or num_pixels > _LARGE_PIXELS or os.fstat(file.fileno()).st_size > num_pixels:
            num_scans = _num_scans(file)
            is_buffered |= num_scans > 1
            if num_scans * (num_pixels + _PIXELS_PER_SCAN) > _MAX_SCANNED_PIXELS:
                raise EngineError("This file has too many parts.")
            if not is_buffered and min_side is not None:
                num_pixels = round(num_pixels / max(1, min(8, min(image.size) / min_side / 2)) ** 2)
    return num_pixels * _BYTES_PER_PIXEL.get(image.format or "", _DEFAULT_BYTES_PER_PIXEL)


def _num_scans(file: BinaryIO) -> int:
    """Return the number of scans of a JPEG; the decoder buffers the whole image if there is more than one."""
    file.seek(0)
    return sum(block.count(b"\xff\xda") for block in iter(lambda: file.read(1024**2), b""))


def _reduce_while_decoding(image: Image.Image, min_side: int) -> None:
    """Let Pillow decode a JPEG at the smallest of its sizes whose shorter side has `min_side` pixels."""
    scale = min_side / min(image.size)
    image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))


def _reduction(image: Image.Image, min_side: int | None) -> int:
    """Return the factor of reduction before return; twice `min_side` is kept, for the quality of later resizing."""
    if min_side is None or image.width * image.height <= _LARGE_PIXELS:
        return 1
    return max(1, min(image.size) // (2 * min_side))


def _to_rgb(image: Image.Image, reduction: int) -> Pixels:
    """Convert the decoded image to RGB in strips, which avoids a second full copy in memory."""
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // (width * reduction)) * reduction
    boxes = [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]
    grey_range = _grey_range(image, boxes) if image.mode == "F" or image.mode.startswith("I") else None
    pixels = np.empty((math.ceil(height / reduction), math.ceil(width / reduction), 3), np.uint8)
    for box in boxes:
        strip = _strip_to_rgb(image if len(boxes) == 1 else image.crop(box), grey_range)
        if reduction > 1:
            strip = strip.reduce(reduction)
        first = box[1] // reduction
        pixels[first : first + strip.height] = np.asarray(strip)
    return pixels


def _strip_to_rgb(image: Image.Image, grey_range: tuple[float, float] | None) -> Image.Image:
    if grey_range is not None:
        return Image.fromarray(_to_8_bits(np.asarray(image), *grey_range)).convert("RGB")
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey_range(image: Image.Image, boxes: Sequence[tuple[int, int, int, int]]) -> tuple[float, float]:
    """Return the values of a 16-bit, 32-bit or float image that become black and white.

    This is the usual range of the data type, or the range of the values if they exceed it.
    """
    lows, highs = zip(*(_extremes(image.crop(box)) for box in boxes))
    low, high = min(lows), max(highs)
    limits = (1, 255) if image.mode == "F" else (65535,)
    valid_limits = [limit for limit in limits if low >= 0 and high <= limit]
    return (0.0, float(valid_limits[0])) if valid_limits else (low, high)


def _extremes(image: Image.Image) -> tuple[float, float]:
    values = _finite(np.asarray(image))
    return float(values.min()), float(values.max())


def _to_8_bits(grey: npt.NDArray[np.generic], low: float, high: float) -> Pixels:
    return np.round((_finite(grey) - low) * (255 / (high - low or 1.0))).astype(np.uint8)


def _finite(grey: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    return np.nan_to_num(grey.astype(np.float64), posinf=0, neginf=0)


def unreadable_reason(path: Path, error: Exception) -> str:
    """Return a sentence that explains why an image file could not be read."""
    if isinstance(error, FileNotFoundError):
        return "This link points to a missing file." if path.is_symlink() else "This file no longer exists."
    if isinstance(error, PermissionError):
        return "You do not have permission to read this file."
    if isinstance(error, MemoryError):
        return "This image is too large for the memory of this computer."
    if isinstance(error, Image.DecompressionBombError):
        millions = MAX_DECODE_BYTES // _DEFAULT_BYTES_PER_PIXEL // 1_000_000
        return f"This image is too large: more than {millions} million pixels."
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "This link points to itself."
    if isinstance(error, OSError) and "truncated" in str(error):
        return "This file is incomplete."
    if isinstance(error, OSError) and error.errno is not None:  # errors raised by Pillow itself have no errno
        return f"This file cannot be read: {error.strerror}."
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        return "This file is empty."
    return "This file is damaged or not in a supported image format."
