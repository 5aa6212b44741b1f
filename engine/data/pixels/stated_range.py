"""Range of the samples of an image as its file states it: bits per sample, maxima in tags, display limits of ImageJ."""

import re
from typing import BinaryIO

from PIL import Image, ImageFile, TiffImagePlugin
from PIL.ExifTags import Base

from engine.data.pixels.grey_range import FULL_RANGE, Range

UNSIGNED, SIGNED = 1, 2
"""Sample formats of TIFF."""
_SCALED_FORMATS = ("PPM", "JPEG2000", "HEIF", "AVIF")
"""Formats whose greys Pillow scales from the bits that the file states to 16 bits."""
_GDAL_NODATA = 42113
_MIN_SAMPLE, _MAX_SAMPLE, _S_MIN_SAMPLE, _S_MAX_SAMPLE = 280, 281, 340, 341
_IMAGEJ_LIMIT = re.compile(r"^(min|max)=([-+.\deE]+)\s*$", re.MULTILINE)
_MAX_PNG_CHUNKS = 100


def encoding_range(image: ImageFile.ImageFile) -> Range | None:
    """Return the values of black and white as the format defines them, or None if the file leaves them open.

    16 bits per sample leave them open, since many programs store 10, 12 or 14 bits in 16.
    """
    if image.format in _SCALED_FORMATS and image.mode != "F":
        return FULL_RANGE
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode != "F":
        bits = _first_number(image.tag_v2.get(Base.BitsPerSample))
        if bits is not None and 8 < bits < 16:
            return (0.0, 2.0**bits - 1)
    return None


def display_range(image: ImageFile.ImageFile, file: BinaryIO) -> Range | None:
    """Return the range that the file suggests for display: TIFF tags, text of ImageJ, or the sBIT chunk of a PNG."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return (
            _tag_range(image, _S_MIN_SAMPLE, _S_MAX_SAMPLE)
            or _tag_range(image, _MIN_SAMPLE, _MAX_SAMPLE)
            or _imagej_range(image)
        )
    if image.format == "PNG":
        bits = _significant_bits(file)
        return (0.0, 2.0**bits - 1) if bits is not None and 8 <= bits < 16 else None
    return None


def sample_format(image: Image.Image) -> int | None:
    """Return the sample format of a TIFF, UNSIGNED or SIGNED among others; None for other formats."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return None
    value = _first_number(image.tag_v2.get(Base.SampleFormat))
    return UNSIGNED if value is None else int(value)


def missing_value(image: Image.Image) -> float | None:
    """Return the value that stands for missing data in a GeoTIFF."""
    text = image.tag_v2.get(_GDAL_NODATA) if isinstance(image, TiffImagePlugin.TiffImageFile) else None
    try:
        return float(text.strip("\0 ")) if isinstance(text, str) else None
    except ValueError:
        return None


def is_white_zero(image: Image.Image) -> bool:
    """Return True if low values are white (TIFF photometric interpretation 0)."""
    return isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(Base.PhotometricInterpretation) == 0


def _tag_range(image: TiffImagePlugin.TiffImageFile, low_tag: int, high_tag: int) -> Range | None:
    low, high = _first_number(image.tag_v2.get(low_tag)), _first_number(image.tag_v2.get(high_tag))
    return _valid_range(0.0 if low is None else low, high)


def _imagej_range(image: TiffImagePlugin.TiffImageFile) -> Range | None:
    description = image.tag_v2.get(Base.ImageDescription)
    if not isinstance(description, str) or not description.startswith("ImageJ="):
        return None
    limits = dict(_IMAGEJ_LIMIT.findall(description))
    try:
        return _valid_range(float(limits["min"]), float(limits["max"]))
    except (KeyError, ValueError):
        return None


def _valid_range(low: float, high: float | None) -> Range | None:
    return None if high is None or not low < high < float("inf") else (low, high)


def _first_number(value: object) -> float | None:
    first = value[0] if isinstance(value, tuple) and value else value
    try:
        return float(first)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None


def _significant_bits(file: BinaryIO) -> int | None:
    """Return the largest number of significant bits in the sBIT chunk of a PNG, or None if it has none."""
    position = file.tell()
    try:
        file.seek(8)
        for _ in range(_MAX_PNG_CHUNKS):
            header = file.read(8)
            length, kind = int.from_bytes(header[:4], "big"), header[4:]
            if kind == b"sBIT":
                return max(file.read(min(length, 3)), default=None)
            if kind in (b"IDAT", b"") or len(header) < 8:
                return None
            file.seek(length + 4, 1)
        return None
    finally:
        file.seek(position)
