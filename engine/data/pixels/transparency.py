"""Ground of images with transparent areas: white, or black if the picture itself is nearly white."""

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageFile

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
_MIN_DIFFERENCE = 32
"""Levels of one channel by which a pixel must differ from white to be visible on it."""
_SCALES = {"L;2": 85, "L;4": 17}
_ALPHA_MODES = {"RGBA", "LA", "PA", "La", "RGBa"}


def has_alpha(image: Image.Image) -> bool:
    """Return True if parts of the image may be transparent."""
    return image.mode in _ALPHA_MODES or "transparency" in image.info


def scale_transparent_value(image: ImageFile.ImageFile) -> None:
    """Correct the transparent value of an opened PNG with greys of 2 or 4 bits, whose pixels Pillow scales to 8."""
    value = image.info.get("transparency")
    if isinstance(value, int) and image.tile:
        image.info["transparency"] = value * _SCALES.get(str(image.tile[0].args), 1)


def is_opaque(image: Image.Image) -> bool:
    """Return True if the image has an alpha channel that hides nothing."""
    return image.mode in ("RGBA", "LA") and image.getextrema()[-1] == (255, 255)


def choose_ground(strips: Iterable[Image.Image]) -> tuple[tuple[int, int, int], bool]:
    """Choose the colour behind the transparent areas of an image.

    It is white, unless more than half of what is visible would vanish on it, weighted by opacity. Then it is black.

    Args:
        strips: The image in parts, with transparency.

    Returns:
        The colour, and whether the whole image is transparent.
    """
    total = visible = 0
    for strip in strips:
        rgba = np.asarray(strip.convert("RGBA"))
        alpha = rgba[..., 3].astype(np.int64)
        is_visible = rgba[..., :3].min(2) <= 255 - _MIN_DIFFERENCE
        total += int(alpha.sum())
        visible += int(alpha[is_visible].sum())
    return (WHITE if 2 * visible >= total else BLACK), total == 0


def flatten(strip: Image.Image, ground: tuple[int, int, int]) -> Image.Image:
    """Return an RGB image on a ground of this colour."""
    rgba = strip.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, ground), rgba).convert("RGB")
