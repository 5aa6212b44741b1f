"""Access to images with more than 8 bits per channel, which Pillow either leaves as they are or truncates."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from engine.data.pixels.deep_colours import LOW_BYTES, Box, DeepColours, raw_mode_of
from engine.data.pixels.grey_range import GreyRanges, Range, SampleKind, SampleValues
from engine.data.pixels.stated_range import (
    SIGNED,
    UNSIGNED,
    display_range,
    encoding_range,
    is_white_zero,
    missing_value,
    sample_format,
)
from engine.data.pixels.transparency import has_alpha

Samples: TypeAlias = npt.NDArray[Any]

_MAX_FLOAT = 1e30
"""Larger numbers stand for missing data, like NaN and infinity."""
_SAMPLED_PIXELS = 250_000
"""Number of pixels from which quantiles are computed, about."""


@dataclass(frozen=True)
class DeepSamples:
    """The samples of an opened image with more than 8 bits per channel."""

    kind: SampleKind
    read: Callable[[Box], Samples]
    """Returns the samples of a part of the image, shape (H, W) for greys or (H, W, 3) for colours."""
    read_alpha: Callable[[Box], npt.NDArray[np.uint8]] | None = None
    """Returns the opacity of the same part, shape (H, W), 0..255; None for opaque images."""
    encoding: Range | None = None
    display: Range | None = None
    is_inverted: bool = False
    """True if low values are white."""
    missing: float | None = None
    """Value of pixels without data, which become black."""

    def values(self, boxes: Sequence[Box]) -> SampleValues:
        """Return the extremes of the finite samples in all parts of the image; 0 if none is finite."""
        width, height = boxes[-1][2:]
        step = max(1, math.isqrt(width * height // _SAMPLED_PIXELS))
        lows, highs, sampled = [], [], []
        for box in boxes:
            samples = self.read(box)
            valid = self._valid(samples)
            if valid.size:
                lows.append(float(valid.min()))
                highs.append(float(valid.max()))
            sampled.append(self._valid(samples[-box[1] % step :: step, ::step]).ravel())
        low, high = (min(lows), max(highs)) if lows else (0.0, 0.0)
        pixels = np.concatenate(sampled)
        bright = float(np.quantile(pixels, 0.999, method="inverted_cdf")) if pixels.size else high
        return SampleValues(self.kind, low, high, bright, self.encoding, self.display)

    def _valid(self, samples: Samples) -> Samples:
        if self.missing is not None:
            samples = samples[samples != self.missing]
        if self.kind == "integer":
            return samples
        return samples[np.abs(samples, dtype=np.float64) < _MAX_FLOAT]  # also False for NaN


def open_deep_samples(image: ImageFile.ImageFile, file: BinaryIO, grey_ranges: GreyRanges | None) -> DeepSamples | None:
    """Return access to the samples of an opened image that is not decoded yet; None for 8 bits per channel.

    Args:
        image: The opened image.
        file: Its file, which is decoded once more for colours of 16 bits, since Pillow keeps only their high bytes.
        grey_ranges: Ranges of a model or dataset. None: as in version 0.1, which treated only greys as deep, without
            transparency and with low values as black.
    """
    if grey_ranges is None:
        is_grey = image.mode == "F" or image.mode.startswith("I")
        return DeepSamples(_kind(image), lambda box: np.asarray(image.crop(box))) if is_grey else None
    read = _grey_reader(image)
    if read is not None:
        return DeepSamples(
            kind=_kind(image),
            read=read,
            read_alpha=_transparent_value_reader(image, read),
            encoding=encoding_range(image),
            display=display_range(image, file),
            is_inverted=is_white_zero(image),
            missing=missing_value(image),
        )
    raw_mode = raw_mode_of(image)
    if raw_mode not in LOW_BYTES:
        return None
    colours = DeepColours(image, file, raw_mode, grey_ranges.integer)
    return DeepSamples(
        kind="integer",
        read=colours.read,
        read_alpha=colours.read_alpha if has_alpha(image) else None,
        encoding=encoding_range(image),
        display=display_range(image, file),
    )


def _kind(image: Image.Image) -> SampleKind:
    return "floating" if image.mode == "F" else "integer"


def _grey_reader(image: Image.Image) -> Callable[[Box], Samples] | None:
    """Return the function that reads greys of more than 8 bits, or signed ones, with the type that the file states."""
    if image.mode == "I" and sample_format(image) == UNSIGNED:
        return lambda box: np.asarray(image.crop(box)).view(np.uint32)  # Pillow reads them as signed
    if image.mode == "L" and sample_format(image) == SIGNED:
        return lambda box: np.asarray(image.crop(box)).view(np.int8)
    if image.mode == "F" or image.mode.startswith("I"):
        return lambda box: np.asarray(image.crop(box))
    return None


def _transparent_value_reader(
    image: Image.Image, read: Callable[[Box], Samples]
) -> Callable[[Box], npt.NDArray[np.uint8]] | None:
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return None
    return lambda box: np.where(read(box) == transparent, 0, 255).astype(np.uint8)
