"""Scaling of images with more than 8 bits per channel: which values become black and white."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.core.formatting import count
from engine.core.records import ExtensibleModel

Range: TypeAlias = tuple[float, float]
"""The values that become black and white."""
SampleKind: TypeAlias = Literal["integer", "floating"]

FULL_RANGE: Range = (0.0, 65535.0)
_BIT_DEPTHS = (8, 10, 12, 14, 16)
_MAX_OUTLIER = 4
"""White is at most this many times as far from black as 99.9 % of the pixels of the brightest image."""
_LEGACY_FLOAT_LIMITS = (1.0, 255.0)


class GreyRanges(ExtensibleModel):
    """The ranges of a dataset, which its model stores. They are the same for all images, so that dark ones stay dark.

    Kinds without a range are scaled image by image.
    """

    integer: Range | None = None
    """Range of images with 16-bit and 32-bit integers."""
    floating: Range | None = None
    """Range of images with floating-point numbers."""

    def of(self, kind: SampleKind) -> Range | None:
        """Return the range of one kind of samples."""
        return self.integer if kind == "integer" else self.floating


@dataclass(frozen=True, slots=True)
class SampleValues:
    """The values of one image with more than 8 bits per channel, and what its file states about them."""

    kind: SampleKind
    low: float
    """Lowest finite value of the image."""
    high: float
    """Highest finite value of the image."""
    bright: float
    """Value that 99.9 % of the image do not exceed."""
    encoding: Range | None = None
    """Black and white as the format defines them, for example 0 and 4095 in a TIFF of 12 bits per sample."""
    display: Range | None = None
    """Range that the file suggests for display. Programs often write the extremes of the single image here."""
    used: Range = FULL_RANGE
    """Values that became black and white in the pixels. White is below black if low values are white."""


def choose_range(values: SampleValues, ranges: GreyRanges | None) -> Range:
    """Return the range for the pixels of one image.

    Args:
        values: Values of the image; `used` is ignored.
        ranges: Ranges of the model or dataset; None: as models of version 0.1 were trained.
    """
    if ranges is None:
        return _legacy_range(values)
    if values.encoding is not None:
        return values.encoding
    return ranges.of(values.kind) or _range_of_one_image(values)


def _legacy_range(values: SampleValues) -> Range:
    limits = _LEGACY_FLOAT_LIMITS if values.kind == "floating" else FULL_RANGE[1:]
    fitting = [limit for limit in limits if values.low >= 0 and values.high <= limit]
    return (0.0, fitting[0]) if fitting else (values.low, values.high)


def _range_of_one_image(values: SampleValues) -> Range:
    """Return the smallest usual range that holds the values of a single image, or their extremes."""
    if values.display is not None and holds(values.display, values):
        return values.display
    black = min(0.0, values.low)
    white = _without_outliers(black, values.high, values.bright)
    limits = [1.0] if values.kind == "floating" else [2.0**bits - 1 for bits in _BIT_DEPTHS]
    fitting = [limit for limit in limits if white <= limit]
    return (black, fitting[0] if values.low >= 0 and fitting else white)


def _without_outliers(black: float, high: float, bright: float) -> float:
    """Return the value that becomes white: the highest one, unless a few pixels would make all others dark.

    Those are broken pixels of a sensor, light sources in floats, or burnt-in text.
    """
    return min(high, black + _MAX_OUTLIER * (bright - black)) if bright > black else high


def holds(limits: Range, values: SampleValues) -> bool:
    """Return True if all values of the image are within the limits."""
    return limits[0] <= values.low and values.high <= limits[1]


def find_grey_ranges(images: Sequence[SampleValues]) -> GreyRanges:
    """Return the ranges of the images of a dataset.

    Images whose encoding is stated in the file are left out. If all others suggest the same range for display, it is
    used. Otherwise white is the highest value of all images, see `_without_outliers`. Black is 0, or the lowest value
    if that is negative or more than half of the highest one.
    """
    unstated = [values for values in images if values.encoding is None]
    return GreyRanges(
        integer=_common_range([values for values in unstated if values.kind == "integer"]),
        floating=_common_range([values for values in unstated if values.kind == "floating"]),
    )


def _common_range(images: Sequence[SampleValues]) -> Range | None:
    if not images:
        return None
    display = images[0].display
    if display is not None and all(values.display == display and holds(display, values) for values in images):
        return display
    low, high = min(values.low for values in images), max(values.high for values in images)
    black = 0.0 if 0 <= low <= high / 2 else low
    white = _without_outliers(black, high, max(values.bright for values in images))
    return (black, white) if white > black else None


def describe_grey_ranges(ranges: GreyRanges, images: Iterable[SampleValues]) -> list[str]:
    """Return a sentence about the conversion to 8 bits for each kind of deep images."""
    images = list(images)
    sentences = []
    for kind, name in (("integer", "integers of more than 8 bits"), ("floating", "floating-point numbers")):
        unstated = sum(values.kind == kind and values.encoding is None for values in images)
        limits = ranges.of("integer" if kind == "integer" else "floating")
        if unstated and limits is not None:
            subject = f"{count(unstated, 'image')} {'has' if unstated == 1 else 'have'} {name}"
            sentences.append(f"{subject}: {_number(limits[0])} to {_number(limits[1])} become black to white.")
    stated = sum(values.encoding is not None for values in images)
    if stated:
        states = "states" if stated == 1 else "state"
        sentences.append(f"{count(stated, 'image')} {states} the range of the greys in the file.")
    return sentences


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"


def to_8_bits(values: npt.NDArray[np.generic], limits: Range) -> npt.NDArray[np.uint8]:
    """Scale values to 0..255 and clip them. NaN becomes black.

    Args:
        values: Integers or floats of any shape.
        limits: The values that become black and white. White is below black if low values are white.
    """
    black, white = limits
    scaled = (values.astype(np.float64) - black) * (255 / (white - black or 1.0))
    return np.round(np.clip(np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0), 0, 255)).astype(np.uint8)
