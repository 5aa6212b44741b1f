"""From decoded pixels to what the network sees when measured, and to the canvas that training crops from."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from engine.config.settings import Geometry
from engine.data.decode import Pixels
from engine.results.explanation import Box
from engine.results.model_metadata import ModelMetadata

PAD_GREY = 124  # about the ImageNet mean, so borders are near zero after normalisation
CANVAS_SCALE = 1.2
"""Side of a canvas over that of the image: random crops of half its area and more come out about as sharp."""
_MOST_ASPECT = 16
"""Longer over shorter side up to which the middle crop is taken from the whole picture."""
CROP_FRACTION = 0.875  # of the shorter side is kept by the middle crop, as in torchvision's recipes


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture becomes the network's input; a model file carries these values."""

    image_size: int
    geometry: Geometry
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def from_metadata(cls, card: ModelMetadata) -> "Preprocessing":
        """Return the preprocessing that a model file asks for."""
        return cls(card.image_size, card.geometry, card.mean, card.std)

    @property
    def min_side(self) -> int:
        """The least shorter side in pixels that a picture is needed at."""
        return self.image_size if self.geometry != "crop" else math.ceil(self.image_size / CROP_FRACTION)

    @property
    def canvas_size(self) -> int:
        """Side in pixels of the square that a training picture is kept as."""
        return round(self.image_size * CANVAS_SCALE)


def preprocess(pixels: Pixels, preprocessing: Preprocessing) -> Tensor:
    """Return the picture as the network sees it when measured: uint8, shape (3, size, size)."""
    size = preprocessing.image_size
    if preprocessing.geometry == "crop":
        pixels = _without_far_ends(pixels)
    image = to_tensor(pixels)
    height, width = image.shape[1:]
    image = F.resize(image, list(_resized(height, width, preprocessing)), antialias=True)
    if preprocessing.geometry == "pad":
        return pad_to_square(image, size)
    return F.center_crop(image, [size, size])  # type: ignore[no-any-return]


def _without_far_ends(pixels: Pixels) -> Pixels:
    """Return a picture with what lies far beyond its middle square cut off, as a long strip would fill the memory.

    What is cut off is the same on both sides, so the middle stays where it is.
    """
    height, width = pixels.shape[:2]
    most = _MOST_ASPECT * min(height, width)
    top, left = max(0, (height - most) // 2), max(0, (width - most) // 2)
    return pixels[top : height - top, left : width - left]


def visible_box(width: int, height: int, preprocessing: Preprocessing) -> Box:
    """Return the part of a picture of `width` x `height` pixels that `preprocess` makes the network's square of."""
    size = preprocessing.image_size
    new_height, new_width = _resized(height, width, preprocessing)
    if preprocessing.geometry == "pad":
        left, top = -((size - new_width) // 2), -((size - new_height) // 2)
    else:
        left, top = round((new_width - size) / 2), round((new_height - size) / 2)
    return Box(left / new_width, top / new_height, (left + size) / new_width, (top + size) / new_height)


def _resized(height: int, width: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """Return height and width that a picture is scaled to before it is cropped or padded to a square."""
    size = preprocessing.image_size
    if preprocessing.geometry == "squash":
        return size, size
    if preprocessing.geometry == "pad":
        scale = size / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))
    scale = preprocessing.min_side / min(height, width)
    return max(size, round(height * scale)), max(size, round(width * scale))


def make_canvas(pixels: Pixels, preprocessing: Preprocessing) -> tuple[Tensor, float]:
    """Return the whole picture squashed into a square, uint8 (3, C, C), and its width over its height.

    Padded pictures are padded to a square, so that training sees the borders that measuring sees.
    """
    image = to_tensor(pixels)
    height, width = image.shape[1:]
    side = preprocessing.canvas_size
    if preprocessing.geometry == "pad":
        # Resized before it is padded, as to measure: the square around a long strip would fill the memory
        scale = side / max(height, width)
        size = [max(1, round(height * scale)), max(1, round(width * scale))]
        return pad_to_square(F.resize(image, size, antialias=True), side), 1.0
    return F.resize(image, [side, side], antialias=True), width / height


def normalise(batch: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return a batch (N, 3, H, W) in 0..255 as floats with the mean and deviation that the network expects."""
    mean = torch.tensor(preprocessing.mean, device=batch.device).view(1, 3, 1, 1) * 255
    std = torch.tensor(preprocessing.std, device=batch.device).view(1, 3, 1, 1) * 255
    return (batch.float() - mean) / std


def to_tensor(pixels: Pixels) -> Tensor:
    """Return pixels of shape (H, W, 3) as a tensor of shape (3, H, W), in the memory order of the pixels."""
    return torch.from_numpy(pixels.copy() if not pixels.flags.writeable else pixels).permute(2, 0, 1)


def pad_to_square(image: Tensor, size: int) -> Tensor:
    """Return the picture in the middle of a grey square of `size` pixels."""
    height, width = image.shape[1:]
    left, top = (size - width) // 2, (size - height) // 2
    return F.pad(image, [left, top, size - width - left, size - height - top], fill=PAD_GREY)  # type: ignore[no-any-return]
