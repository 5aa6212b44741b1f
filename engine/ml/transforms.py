"""From decoded pixels to what the network sees: one fixed way for measuring, random ways for training.

Randomness comes from a generator per image, so threads may work in any order and the numbers stay the same.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional as F

from engine.card import ModelCard
from engine.config import AugmentConfig, Geometry, RunConfig
from engine.dataset import Dataset
from engine.decode import Pixels, decode
from engine.seeds import stable_seed

PAD_GREY = 124  # about the ImageNet mean, so borders are near zero after normalisation
CROP_SHARE = 0.875  # of the shorter side is kept by the middle crop, as in torchvision's recipes


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture becomes the network's input; a model file carries these values."""

    image_size: int
    geometry: Geometry
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def of(cls, card: ModelCard) -> "Preprocessing":
        """Return the preprocessing that a model file asks for."""
        return cls(card.image_size, card.geometry, card.mean, card.std)

    @property
    def min_side(self) -> int:
        """The least shorter side in pixels that a picture is needed at."""
        return self.image_size if self.geometry != "crop" else math.ceil(self.image_size / CROP_SHARE)


def prepare(pixels: Pixels, preprocessing: Preprocessing) -> Tensor:
    """Return the picture as the network sees it when measured: uint8, shape (3, size, size)."""
    image = to_tensor(pixels)
    size = preprocessing.image_size
    if preprocessing.geometry == "squash":
        return F.resize(image, [size, size], antialias=True)  # type: ignore[no-any-return]
    height, width = image.shape[1:]
    if preprocessing.geometry == "pad":
        scale = size / max(height, width)
        image = F.resize(image, [max(1, round(height * scale)), max(1, round(width * scale))], antialias=True)
        return pad_to_square(image, size)
    scale = preprocessing.min_side / min(height, width)
    image = F.resize(image, [max(size, round(height * scale)), max(size, round(width * scale))], antialias=True)
    return F.center_crop(image, [size, size])  # type: ignore[no-any-return]


def augment(pixels: Pixels, preprocessing: Preprocessing, config: AugmentConfig, generator: Generator) -> Tensor:
    """Return the picture as the network sees it in training: randomly changed, uint8, shape (3, size, size)."""
    image = _random_crop(to_tensor(pixels), preprocessing, config.crop_scale, generator)
    if _uniform(generator) < config.horizontal_flip:
        image = F.horizontal_flip(image)
    if _uniform(generator) < config.vertical_flip:
        image = F.vertical_flip(image)
    if config.rotation:
        angle = _uniform(generator, -config.rotation, config.rotation)
        image = F.rotate(image, angle, F.InterpolationMode.BILINEAR, fill=[float(PAD_GREY)] * 3)
    image = _jitter(image, config, generator)
    if _uniform(generator) < config.random_erasing:
        image = _erase(image, generator)
    return image


def normalise(batch: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return a uint8 batch (N, 3, H, W) as floats with the mean and deviation that the network expects."""
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


def training_min_side(preprocessing: Preprocessing, crop_scale: float) -> int:
    """Return the least shorter side in pixels at which random crops need not be enlarged."""
    return max(preprocessing.min_side, math.ceil(preprocessing.image_size / math.sqrt(crop_scale)))


def preview_images(dataset: Dataset, config: RunConfig, preprocessing: Preprocessing, num_images: int) -> list[Pixels]:
    """Return training images spread over the dataset, each augmented as in training."""
    samples = dataset.of_split("train")
    step = max(1, len(samples) // max(1, num_images))
    pictures: list[Pixels] = []
    for sample in samples[::step][:num_images]:
        seed = stable_seed(config.training.seed, len(pictures), sample.path)
        pixels = decode(dataset.root / sample.path, training_min_side(preprocessing, config.augment.crop_scale))
        image = augment(pixels, preprocessing, config.augment, torch.Generator().manual_seed(seed))
        pictures.append(image.permute(1, 2, 0).contiguous().numpy())
    return pictures


def _uniform(generator: Generator, low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _random_crop(image: Tensor, preprocessing: Preprocessing, smallest: float, generator: Generator) -> Tensor:
    """Crop a random share of the area at a random aspect and resize it (Szegedy et al., 2015, section 6).

    Padded pictures are padded to a square first, so that training sees the borders that measuring sees.
    """
    size = preprocessing.image_size
    if preprocessing.geometry == "pad":
        image = pad_to_square(image, max(image.shape[1:]))
    height, width = image.shape[1:]
    area = height * width * _uniform(generator, smallest, 1.0)
    spread = math.log(4 / 3) if smallest < 1 else 0.0
    aspect = math.exp(_uniform(generator, -spread, spread)) * (
        width / height if preprocessing.geometry == "squash" else 1
    )
    crop_width = min(width, max(1, round(math.sqrt(area * aspect))))
    crop_height = min(height, max(1, round(math.sqrt(area / aspect))))
    left = round(_uniform(generator, 0, width - crop_width))
    top = round(_uniform(generator, 0, height - crop_height))
    return F.resized_crop(image, top, left, crop_height, crop_width, [size, size], antialias=True)  # type: ignore[no-any-return]


def _jitter(image: Tensor, config: AugmentConfig, generator: Generator) -> Tensor:
    """Change brightness, contrast, saturation and hue, in a random order (torchvision's ColorJitter)."""
    changes = (
        (F.adjust_brightness, config.brightness, 1.0),
        (F.adjust_contrast, config.contrast, 1.0),
        (F.adjust_saturation, config.saturation, 1.0),
        (F.adjust_hue, config.hue, 0.0),
    )
    for position in torch.randperm(len(changes), generator=generator).tolist():
        change, strength, middle = changes[position]
        if strength:
            image = change(image, _uniform(generator, middle - strength, middle + strength))
    return image


def _erase(image: Tensor, generator: Generator) -> Tensor:
    """Paint noise over a random rectangle of 2 to 33 % of the area (Zhong et al., Random Erasing, 2020)."""
    height, width = image.shape[1:]
    area = height * width * _uniform(generator, 0.02, 0.33)
    aspect = math.exp(_uniform(generator, math.log(0.3), math.log(1 / 0.3)))
    box_width = min(width, max(1, round(math.sqrt(area * aspect))))
    box_height = min(height, max(1, round(math.sqrt(area / aspect))))
    left, top = round(_uniform(generator, 0, width - box_width)), round(_uniform(generator, 0, height - box_height))
    noise = torch.randint(0, 256, (3, box_height, box_width), dtype=torch.uint8, generator=generator)
    return F.erase(image, top, left, box_height, box_width, noise)  # type: ignore[no-any-return]
