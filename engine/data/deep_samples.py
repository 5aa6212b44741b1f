"""Access to images with more than 8 bits per channel, which Pillow either leaves as they are or truncates."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from engine.data.grey_range import GreyRanges, Range, SampleKind, SampleValues
from engine.data.stated_range import SIGNED, UNSIGNED, display_range, encoding_range, is_white_zero, sample_format
from engine.data.transparency import has_alpha

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom (exclusive) in pixels."""
Samples: TypeAlias = npt.NDArray[np.generic]

_SAMPLED_PIXELS = 250_000
"""Number of pixels from which quantiles are computed, about."""
_LOW_BYTES = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGBX;16B": "RGBX;16L",
    "RGBX;16L": "RGBX;16B",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "LA;16B": "RGBA",
}
"""Pillow's raw modes that keep the high byte of each channel, and those that keep the low byte of the same data."""
_MIN_WIDE_RANGE = 2**15
"""Width of a range from which the high bytes alone give 8 bits with an error of at most two levels."""
_NATIVE = "L" if sys.byteorder == "little" else "B"


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

    def values(self, boxes: Sequence[Box]) -> SampleValues:
        """Return the extremes of the finite samples in all parts of the image; 0 if none is finite."""
        width, height = boxes[-1][2:]
        step = max(1, math.isqrt(width * height // _SAMPLED_PIXELS))
        lows, highs, sampled = [], [], []
        for box in boxes:
            samples = self.read(box)
            finite = samples[np.isfinite(samples)] if self.kind == "floating" else samples
            if finite.size:
                lows.append(float(finite.min()))
                highs.append(float(finite.max()))
            sampled.append(samples[-box[1] % step :: step, ::step].ravel())
        low, high = (min(lows), max(highs)) if lows else (0.0, 0.0)
        return SampleValues(self.kind, low, high, _bright(np.concatenate(sampled), high), self.encoding, self.display)


def _bright(samples: npt.NDArray[np.generic], high: float) -> float:
    finite = samples[np.isfinite(samples)]
    return float(np.quantile(finite, 0.999, method="inverted_cdf")) if finite.size else high


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
        )
    raw_mode = _raw_mode(image)
    if raw_mode not in _LOW_BYTES:
        return None
    colours = _DeepColours(image, file, raw_mode, grey_ranges.integer)
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


def _raw_mode(image: ImageFile.ImageFile) -> str:
    arguments: Any = image.tile[0].args if image.tile else ""
    raw_mode = arguments if isinstance(arguments, str) else str(arguments[0] if arguments else "")
    return raw_mode[:-1] + _NATIVE if raw_mode.endswith(";16N") else raw_mode


def _transparent_value_reader(
    image: Image.Image, read: Callable[[Box], Samples]
) -> Callable[[Box], npt.NDArray[np.uint8]] | None:
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return None
    return lambda box: np.where(read(box) == transparent, 0, 255).astype(np.uint8)


class _DeepColours:
    """Colours of 16 bits per channel, put together from two passes of Pillow's decoders."""

    def __init__(self, image: ImageFile.ImageFile, file: BinaryIO, raw_mode: str, limits: Range | None) -> None:
        self._image, self._file, self._raw_mode, self._limits = image, file, raw_mode, limits
        self._tiles = list(image.tile)
        self._low_bytes: Image.Image | None = None

    def read(self, box: Box) -> npt.NDArray[np.uint16]:
        """Return colours, shape (H, W, 3). The low bytes are not exact if they do not matter in 8 bits."""
        high = _colours(self._image.crop(box)).astype(np.uint16)
        return high * 256 + self._low(box) if self._needs_low_bytes else high * 257

    @cached_property
    def _needs_low_bytes(self) -> bool:
        if isinstance(self._image.info.get("transparency"), tuple):
            return True
        if self._limits is not None:
            return self._limits[1] - self._limits[0] < _MIN_WIDE_RANGE
        extremes = self._image.getextrema()[:3]
        return 256 * max(int(pair[1]) for pair in extremes) < _MIN_WIDE_RANGE  # type: ignore[index]

    def read_alpha(self, box: Box) -> npt.NDArray[np.uint8]:
        """Return the opacity, shape (H, W)."""
        transparent = self._image.info.get("transparency")
        if isinstance(transparent, tuple):
            return np.where((self.read(box) == transparent).all(2), 0, 255).astype(np.uint8)
        return np.asarray(self._image.crop(box).getchannel("A"))

    def _low(self, box: Box) -> npt.NDArray[np.uint8]:
        if self._low_bytes is None:
            self._file.seek(0)
            image = Image.open(self._file, formats=(self._image.format or "",))
            image.tile = [tile._replace(args=self._low_arguments(tile.args)) for tile in self._tiles]
            image.load()
            self._low_bytes = image
        colours = _colours(self._low_bytes.crop(box))
        return colours[..., 1:2] if self._raw_mode.startswith("LA") else colours

    def _low_arguments(self, arguments: Any) -> Any:
        raw_mode = _LOW_BYTES[self._raw_mode]
        return raw_mode if isinstance(arguments, str) else (raw_mode, *arguments[1:])


def _colours(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image)[..., :3]
