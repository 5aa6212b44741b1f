"""Preprocessing: from decoded pixels to the network input, and to the canvas that training crops are taken from."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.config.settings import Geometry
from engine.data.decode import Pixels
from engine.data.pixels.grey_range import GreyRanges
from engine.ml.models.resize import resize
from engine.results.explanation import Box
from engine.results.model_metadata import ModelMetadata

PAD_GREY = 124
"""Grey value of padding, about the ImageNet mean, so that borders are near zero after normalisation."""
CANVAS_SCALE = 1.2
"""Canvas side divided by input side: random crops of at least half the area then keep about the full sharpness."""
CROP_FRACTION = 0.875
"""Share of the shorter side that the centre crop keeps, as in torchvision's recipes."""
_MAX_ASPECT = 16
"""Aspect ratio above which the ends of a long image are cut off before it is resized."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The parameters of preprocessing; they are stored in the model metadata."""

    image_size: int
    geometry: Geometry
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    grey_ranges: GreyRanges | None = None
    """Ranges of images with more than 8 bits per channel; None: decoding of version 0.1, for its models."""

    @classmethod
    def from_metadata(cls, metadata: ModelMetadata) -> "Preprocessing":
        """Return the preprocessing of a model."""
        return cls(metadata.image_size, metadata.geometry, metadata.mean, metadata.std, metadata.grey_ranges)

    @property
    def min_side(self) -> int:
        """Smallest useful length of an image's shorter side, in pixels."""
        return self.image_size if self.geometry != "crop" else math.ceil(self.image_size / CROP_FRACTION)

    @property
    def canvas_size(self) -> int:
        """Side in pixels of the square that a training image is cached as."""
        return round(self.image_size * CANVAS_SCALE)


def preprocess(pixels: Pixels, preprocessing: Preprocessing) -> Tensor:
    """Return the network input for validation and prediction, uint8, shape (3, size, size).

    Args:
        pixels: The decoded image, uint8, shape (H, W, 3).
        preprocessing: Size and geometry.
    """
    size = preprocessing.image_size
    if preprocessing.geometry == "crop":
        pixels = _crop_long_ends(pixels)
    image = to_tensor(pixels)
    height, width = image.shape[1:]
    height, width = _resized(height, width, preprocessing)
    image = resize(image, height, width)
    if preprocessing.geometry == "pad":
        return pad_to_square(image, size)
    top, left = round((height - size) / 2), round((width - size) / 2)
    return image[:, top : top + size, left : left + size]


def _crop_long_ends(pixels: Pixels) -> Pixels:
    """Crop a very long image symmetrically to an aspect ratio of _MAX_ASPECT.

    Resizing the shorter side of a long strip to the input size would otherwise fill the memory.
    """
    height, width = pixels.shape[:2]
    max_side = _MAX_ASPECT * min(height, width)
    top, left = max(0, (height - max_side) // 2), max(0, (width - max_side) // 2)
    return pixels[top : height - top, left : width - left]


def visible_box(width: int, height: int, preprocessing: Preprocessing) -> Box:
    """Return the region of an image of `width` x `height` pixels that the network sees, in shares of its sides."""
    size = preprocessing.image_size
    new_height, new_width = _resized(height, width, preprocessing)
    if preprocessing.geometry == "pad":
        left, top = -((size - new_width) // 2), -((size - new_height) // 2)
    else:
        left, top = round((new_width - size) / 2), round((new_height - size) / 2)
    return Box(left / new_width, top / new_height, (left + size) / new_width, (top + size) / new_height)


def _resized(height: int, width: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """Return height and width that an image is resized to before it is cropped or padded to a square."""
    size = preprocessing.image_size
    if preprocessing.geometry == "squash":
        return size, size
    if preprocessing.geometry == "pad":
        scale = size / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))
    scale = preprocessing.min_side / min(height, width)
    return max(size, round(height * scale)), max(size, round(width * scale))


def make_canvas(pixels: Pixels, preprocessing: Preprocessing) -> tuple[Tensor, float]:
    """Return the whole image as a square, from which training takes random crops.

    With geometry "pad" the image is padded, so that training sees the same borders as validation; otherwise it is
    stretched.

    Returns:
        The canvas, uint8, shape (3, C, C), and the aspect ratio (width / height) of its content.
    """
    image = to_tensor(pixels)
    height, width = image.shape[1:]
    side = preprocessing.canvas_size
    if preprocessing.geometry == "pad":
        # Resized before it is padded, because the square around a long strip would fill the memory
        scale = side / max(height, width)
        resized = resize(image, max(1, round(height * scale)), max(1, round(width * scale)))
        return pad_to_square(resized, side), 1.0
    return resize(image, side, side), width / height


def normalise(batch: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return a batch (N, 3, H, W) of values 0..255 as float32, normalised by mean and standard deviation."""
    mean = torch.tensor(preprocessing.mean, device=batch.device).view(1, 3, 1, 1) * 255
    std = torch.tensor(preprocessing.std, device=batch.device).view(1, 3, 1, 1) * 255
    return (batch.float() - mean) / std


def to_tensor(pixels: Pixels) -> Tensor:
    """Return pixels of shape (H, W, 3) as a tensor of shape (3, H, W) with the same memory order."""
    return torch.from_numpy(pixels.copy() if not pixels.flags.writeable else pixels).permute(2, 0, 1)


def pad_to_square(image: Tensor, size: int) -> Tensor:
    """Return an image (3, H, W) centred on a grey square of `size` pixels."""
    height, width = image.shape[1:]
    left, top = (size - width) // 2, (size - height) // 2
    return nn.functional.pad(image, (left, size - width - left, top, size - height - top), value=PAD_GREY)
