"""Limits of image decoding: formats, memory, time and file size, since files may come from untrusted sources."""

import os
import warnings
from typing import BinaryIO

import pi_heif
from PIL import Image, ImageFile, PngImagePlugin, TiffImagePlugin
from PIL.ExifTags import Base

from engine.core.errors import EngineError
from engine.data.pixels.jpeg_scans import count_scans

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


def accepted_formats(file: BinaryIO) -> tuple[str, ...]:
    """Return Pillow's names of the formats that may be decoded from a file; raise EngineError if it is too large."""
    size = os.fstat(file.fileno()).st_size
    if size > _MAX_FILE_BYTES:
        raise EngineError(f"This image file is too large: {size / 1e9:.1f} GB.")
    return _FORMATS if size <= _MAX_UNSTREAMED_FILE_BYTES else _STREAMED_FORMATS


def required_bytes(image: ImageFile.ImageFile, file: BinaryIO, min_side: int | None) -> int:
    """Return the bytes of memory needed to decode an opened image.

    Raises:
        EngineError: Decoding needs too much memory or takes too long.
    """
    return check_memory(_estimate_bytes(image, file, min_side), image.size)


def check_memory(num_bytes: int, size: tuple[int, int]) -> int:
    """Return `num_bytes`; raise EngineError if this is too much, or a side of `size` (width, height) is too long."""
    if num_bytes > MAX_DECODE_BYTES or max(size) > _MAX_SIDE:
        raise EngineError(f"This image is too large: {size[0]} x {size[1]} pixels.")
    return num_bytes


def _estimate_bytes(image: ImageFile.ImageFile, file: BinaryIO, min_side: int | None) -> int:
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
            num_scans = count_scans(file)
            is_buffered |= num_scans > 1
            if num_scans * (num_pixels + _PIXELS_PER_SCAN) > _MAX_SCANNED_PIXELS:
                raise EngineError("This file has too many parts.")
            if not is_buffered and min_side is not None:
                num_pixels = round(num_pixels / max(1, min(8, min(image.size) / min_side / 2)) ** 2)
    return num_pixels * _BYTES_PER_PIXEL.get(image.format or "", _DEFAULT_BYTES_PER_PIXEL)


def reduce_while_decoding(image: Image.Image, min_side: int) -> None:
    """Let Pillow decode a JPEG at the smallest of its sizes whose shorter side has `min_side` pixels."""
    factor = max(1, min(image.size) // min_side)
    # Rounded down, because Pillow rounds the quotient of both sizes down again and uses the smaller one
    image.draft(None, (image.width // factor, image.height // factor))


def reduction_factor(image: Image.Image, min_side: int | None) -> int:
    """Return the factor of reduction before return; twice `min_side` is kept, for the quality of later resizing."""
    if min_side is None or image.width * image.height <= _LARGE_PIXELS:
        return 1
    return max(1, min(image.size) // (2 * min_side))
