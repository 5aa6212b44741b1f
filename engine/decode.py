"""The one function that turns an image file into pixels, for training, thumbnails, prediction and export alike."""

import io
import math
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pi_heif
from PIL import Image

from engine.errors import EngineError
from engine.header import Header, read_header

Pixels: TypeAlias = npt.NDArray[np.uint8]

MAX_PIXELS = 400_000_000
"""Larger pictures are refused: their pixels alone would fill over a gigabyte."""

pi_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # Pillow's own check only warns up to twice its limit; `decode` checks MAX_PIXELS instead

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ALPHA_MODES = {"RGBA", "LA", "PA", "La", "RGBa"}


def decode(path: Path, min_side: int | None = None) -> Pixels:
    """Return the picture in a file as RGB, shape (height, width, 3), 0..255, the way up its EXIF tag says.

    Transparent parts become white, deep greys and floats are scaled to 8 bits, of an animation the first frame is
    taken. With `min_side` a JPEG may come at a reduced size whose shorter side still has at least that many pixels.

    Raises EngineError where the file is no readable image.
    """
    return decode_with_header(path, min_side)[0]


def decode_with_header(path: Path, min_side: int | None = None, content: bytes | None = None) -> tuple[Pixels, Header]:
    """Return what `decode` does and what the file says of itself; `content` are its bytes where they were read."""
    try:
        with Image.open(path if content is None else io.BytesIO(content)) as image:
            header = read_header(image)
            if min_side is not None:
                _reduce(image, min_side)
            if image.width * image.height > MAX_PIXELS:
                raise EngineError(f"It is too large: {image.width} x {image.height} pixels.", path)
            pixels = _to_rgb(image)
            turn = _TURNS.get(header.orientation)
            return np.asarray(pixels if turn is None else pixels.transpose(turn)), header
    except EngineError:
        raise
    except Exception as error:  # on broken bytes Pillow's readers raise nearly anything, so no shorter list is right
        raise EngineError(reason(path, error), path) from error


def thumbnail(path: Path, side: int) -> Pixels:
    """Return the middle square of the picture at `side` x `side` pixels; raise EngineError where it is unreadable."""
    image = Image.fromarray(decode(path, min_side=side))
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.resize((side, side), Image.Resampling.BILINEAR, (left, top, left + short, top + short))
    return np.asarray(square)


def _reduce(image: Image.Image, min_side: int) -> None:
    scale = min_side / min(image.size)
    if scale < 1:
        # Pillow picks the smallest of the sizes a JPEG can be decoded at that is no smaller than this
        image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
    return image.convert("RGB")


def _to_8_bits(grey: npt.NDArray[np.generic]) -> Pixels:
    """Scale grey values of 16 or 32 bits or floats: by the range of their type, else by their own range."""
    values = np.nan_to_num(grey.astype(np.float64), posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    if np.issubdtype(grey.dtype, np.floating) and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255 and np.issubdtype(grey.dtype, np.floating):
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 65535 and not np.issubdtype(grey.dtype, np.floating):
        low, high = 0.0, 65535.0
    span = high - low or 1.0
    return np.round((values - low) * (255 / span)).astype(np.uint8)


def reason(path: Path, error: Exception) -> str:
    """Say in words why a file could not be read."""
    if isinstance(error, FileNotFoundError):
        return "It is no longer there."
    if isinstance(error, PermissionError):
        return "You are not allowed to read it."
    if isinstance(error, OSError) and "truncated" in str(error):
        return "It ends too early: the file is truncated."
    if path.is_file() and path.stat().st_size == 0:
        return "It is empty."
    return "It is not an image this program can read, or it is damaged."
