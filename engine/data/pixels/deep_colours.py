"""Colours of 16 bits per channel, of which Pillow keeps the high bytes only."""

import sys
from functools import cached_property
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from engine.data.pixels.grey_range import Range

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom (exclusive) in pixels."""

LOW_BYTES = {
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


def raw_mode_of(image: ImageFile.ImageFile) -> str:
    """Return Pillow's name of the arrangement of samples in the file of an opened image that is not decoded yet."""
    arguments: Any = image.tile[0].args if image.tile else ""
    raw_mode = arguments if isinstance(arguments, str) else str(arguments[0] if arguments else "")
    return raw_mode[:-1] + _NATIVE if raw_mode.endswith(";16N") else raw_mode


class DeepColours:
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
        raw_mode = LOW_BYTES[self._raw_mode]
        return raw_mode if isinstance(arguments, str) else (raw_mode, *arguments[1:])


def _colours(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image)[..., :3]
