"""Image decoding with bounded memory, for training, thumbnails, prediction and export.

Files may come from untrusted sources. All images that are decoded at the same time, in all threads, use at most
MAX_DECODE_BYTES in addition to the returned pixels; an image that needs more is rejected. The limit does not include
the files themselves (at most 128 MB each) and memory that the allocator of the system keeps.
"""

import errno
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from engine.core.errors import EngineError
from engine.core.safe_read import open_image_file
from engine.core.threads import WeightedSemaphore
from engine.data.exif import ImageHeader, read_image_header
from engine.data.pixels.decode_limits import (
    MAX_DECODE_BYTES,
    accepted_formats,
    check_memory,
    reduce_while_decoding,
    reduction_factor,
    required_bytes,
)
from engine.data.pixels.deep_samples import DeepSamples, open_deep_samples
from engine.data.pixels.grey_range import GreyRanges, SampleValues
from engine.data.pixels.image_traits import Trait, read_traits
from engine.data.pixels.tiff_samples import UnusualTiff, may_be_misread, open_unusual_tiff, read_tiff_samples
from engine.data.pixels.to_rgb import Pixels, to_rgb
from engine.data.pixels.transparency import scale_transparent_value

__all__ = ["DecodedImage", "Pixels", "decode", "decode_with_header", "read_size", "thumbnail", "unreadable_reason"]

EACH_BY_ITSELF = GreyRanges()
"""No ranges: every image with more than 8 bits per channel is scaled by its own values."""

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


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A decoded image file."""

    pixels: Pixels
    """uint8, shape (height, width, 3), turned upright."""
    header: ImageHeader
    values: SampleValues | None
    """Values of an image with more than 8 bits per channel, unless its range was given."""
    traits: Trait
    """Parts of the file that are not in the pixels."""


def decode(path: Path, min_side: int | None = None, grey_ranges: GreyRanges | None = EACH_BY_ITSELF) -> Pixels:
    """Decode an image file to RGB, turned upright by its EXIF orientation.

    Samples of more than 8 bits are scaled to 8 bits. Transparent areas become white, or black if the picture itself is
    nearly white. Only the first page or frame is decoded.

    Args:
        path: The image file.
        min_side: Allows a reduced size for JPEGs and images of more than 16 million pixels; the shorter side keeps at
            least this number of pixels. None: full size.
        grey_ranges: Ranges of a model or dataset for samples of more than 8 bits; the default scales each image by its
            own values. None: scaling and ground of version 0.1, for its models.

    Returns:
        uint8 array of shape (height, width, 3), values 0..255.

    Raises:
        EngineError: The file is not a readable image or needs too much memory.
    """
    return decode_with_header(path, min_side, grey_ranges).pixels


def decode_with_header(
    path: Path, min_side: int | None = None, grey_ranges: GreyRanges | None = EACH_BY_ITSELF
) -> DecodedImage:
    """Return the pixels as `decode` does, with the metadata of the file and what was found out about its samples."""
    try:
        with open_image_file(path) as file:
            return _decode(file, min_side, grey_ranges)
    except EngineError as error:
        raise EngineError(error.message, path) from error
    except Exception as error:  # Pillow raises many kinds of exceptions for damaged files
        raise EngineError(unreadable_reason(path, error), path) from error


def read_size(path: Path) -> tuple[int, int]:
    """Return width and height in pixels from the header of an image file, before it is turned upright.

    Raises:
        EngineError: The file is not a readable image.
    """
    try:
        with open_image_file(path) as file, _open(file) as image:
            return image.size
    except EngineError as error:
        raise EngineError(error.message, path) from error
    except Exception as error:  # Pillow raises many kinds of exceptions for damaged files
        raise EngineError(unreadable_reason(path, error), path) from error


def thumbnail(path: Path, side: int, grey_ranges: GreyRanges | None = EACH_BY_ITSELF) -> Pixels:
    """Return the central square of an image as uint8, shape (side, side, 3); raise EngineError if it is unreadable."""
    image = Image.fromarray(decode(path, side, grey_ranges))
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.resize((side, side), Image.Resampling.BILINEAR, (left, top, left + short, top + short))
    return np.asarray(square)


def _decode(file: BinaryIO, min_side: int | None, grey_ranges: GreyRanges | None) -> DecodedImage:
    with (
        _open(file) as image,
        _memory.acquire_units(_required_bytes(image, file, min_side)),
        closing(image),
    ):
        if isinstance(image, UnusualTiff):
            deep: DeepSamples | None = read_tiff_samples(image, file)
        else:
            deep = open_deep_samples(image, file, grey_ranges)
        if grey_ranges is not None:
            scale_transparent_value(image)
        header = _read_header(image)
        traits = read_traits(image)
        if min_side is not None:
            reduce_while_decoding(image, min_side)
        converted = to_rgb(image, deep, grey_ranges, reduction_factor(image, min_side))
    turn_upright = _UPRIGHT.get(header.orientation)
    pixels = converted.pixels
    if turn_upright is not None:
        pixels = np.ascontiguousarray(turn_upright(pixels))
    if converted.is_invisible:
        traits |= Trait.INVISIBLE
    return DecodedImage(pixels, header, converted.values, traits)


def _read_header(image: ImageFile.ImageFile) -> ImageHeader:
    header = read_image_header(image)  # decodes the image in some formats
    if isinstance(image, TiffImagePlugin.TiffImageFile) and not isinstance(image, UnusualTiff):
        return replace(header, orientation=1)  # Pillow turns TIFF files upright itself
    return header


def _required_bytes(image: ImageFile.ImageFile, file: BinaryIO, min_side: int | None) -> int:
    if isinstance(image, UnusualTiff):
        return check_memory(image.layout.num_bytes, image.size)
    return required_bytes(image, file, min_side)


def _open(file: BinaryIO) -> ImageFile.ImageFile:
    try:
        image = Image.open(file, formats=accepted_formats(file))
    except UnidentifiedImageError:
        unusual = open_unusual_tiff(file)
        if unusual is None:
            raise
        return unusual
    return open_unusual_tiff(file) or image if may_be_misread(image) else image


def unreadable_reason(path: Path, error: Exception) -> str:
    """Return a sentence that explains why an image file could not be read."""
    if isinstance(error, FileNotFoundError):
        return "This link points to a missing file." if path.is_symlink() else "This file does not exist."
    if isinstance(error, PermissionError):
        return "You do not have permission to read this file."
    if isinstance(error, MemoryError):
        return "This image is too large for the memory of this computer."
    if isinstance(error, Image.DecompressionBombError):
        millions = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
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
