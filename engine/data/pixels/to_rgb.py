"""Conversion of an opened image to RGB of 8 bits, in strips, which avoids a second full copy in memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.data.pixels.deep_colours import Box
from engine.data.pixels.deep_samples import DeepSamples
from engine.data.pixels.grey_range import GreyRanges, Range, SampleValues, choose_range, to_8_bits
from engine.data.pixels.transparency import WHITE, choose_ground, flatten, has_alpha, is_opaque

Pixels: TypeAlias = npt.NDArray[np.uint8]

STRIP_PIXELS = 2_000_000
"""Number of pixels that are converted to RGB at a time."""


@dataclass(frozen=True, slots=True)
class RgbImage:
    """Pixels and what was found out about them."""

    pixels: Pixels
    """uint8, shape (H, W, 3)."""
    values: SampleValues | None = None
    """Values of an image with more than 8 bits per channel, unless its range was given."""
    is_invisible: bool = False
    """True if all pixels are transparent."""


def to_rgb(
    image: Image.Image, deep: DeepSamples | None, grey_ranges: GreyRanges | None, reduction: int = 1
) -> RgbImage:
    """Convert an image to RGB of 8 bits.

    Args:
        image: The opened image; it is decoded here if it was not before.
        deep: Access to its samples if they have more than 8 bits.
        grey_ranges: Ranges of deep samples; None: as in version 0.1, in which the ground was always white.
        reduction: Factor by which the image is reduced before return.
    """
    if deep is None:
        image.load()
    boxes = strip_boxes(image.size, reduction)
    values, limits = (None, None) if deep is None else _find_limits(deep, boxes, grey_ranges)

    def strip_at(box: Box) -> Image.Image:
        if deep is not None and limits is not None:
            return _scaled_strip(deep, box, limits)
        return image if len(boxes) == 1 else image.crop(box)

    ground, is_invisible = None, False
    if _has_transparency(image, deep):
        strips = map(strip_at, boxes)
        ground, is_invisible = (WHITE, False) if grey_ranges is None else choose_ground(strips)
    pixels = np.empty((math.ceil(image.height / reduction), math.ceil(image.width / reduction), 3), np.uint8)
    for box in boxes:
        strip = strip_at(box)
        if ground is not None:
            strip = flatten(strip, ground)
        elif strip.mode != "RGB":
            strip = strip.convert("RGB")
        strip = strip.reduce(reduction) if reduction > 1 else strip
        first = box[1] // reduction
        pixels[first : first + strip.height] = np.asarray(strip)
    return RgbImage(pixels, values, is_invisible)


def _find_limits(
    deep: DeepSamples, boxes: Sequence[Box], grey_ranges: GreyRanges | None
) -> tuple[SampleValues | None, Range]:
    """Return the values that become black and white, and the values of the image if they were needed to find these."""
    known = None if grey_ranges is None or deep.encoding else grey_ranges.of(deep.kind)
    if known is not None:
        return None, known[::-1] if deep.is_inverted else known
    values = deep.values(boxes)
    limits = choose_range(values, grey_ranges)
    limits = limits[::-1] if deep.is_inverted else limits
    return replace(values, used=limits), limits


def _has_transparency(image: Image.Image, deep: DeepSamples | None) -> bool:
    if deep is not None:
        return deep.read_alpha is not None
    return has_alpha(image) and not is_opaque(image)


def strip_boxes(size: tuple[int, int], reduction: int) -> list[Box]:
    """Return the strips of an image of `size` (width, height): whole reduced rows, together at most STRIP_PIXELS."""
    width, height = size
    rows = max(1, STRIP_PIXELS // (width * reduction)) * reduction
    return [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]


def _scaled_strip(deep: DeepSamples, box: Box, limits: Range) -> Image.Image:
    """Return a strip of deep samples as an RGB or RGBA image of 8 bits per channel."""
    samples = deep.read(box)
    scaled = to_8_bits(samples, limits)
    if deep.missing is not None:
        scaled[samples == deep.missing] = 0
    strip = Image.fromarray(scaled).convert("RGB")
    if deep.read_alpha is not None:
        strip.putalpha(Image.fromarray(deep.read_alpha(box)))
    return strip
