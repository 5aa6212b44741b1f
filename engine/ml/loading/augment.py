"""Random changes to a batch at once, on the device that trains, each image by draws of its own.

The draws depend on seed, epoch and path alone, so threads may work in any order and the numbers stay the same.
"""

import math

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as F

from engine.config.settings import AugmentConfig
from engine.core.seeds import stable_seed
from engine.data.dataset import Dataset
from engine.data.decode import Pixels, decode
from engine.ml.models.preprocessing import PAD_GREY, Preprocessing, make_canvas

NUM_RANDOM_PARAMETERS = 16
_GREY_WEIGHTS = (0.2989, 0.587, 0.114)
"""Luma of ITU-R BT.601, as in torchvision."""


def random_parameters(seed: int, epoch: int, path: str) -> Tensor:
    """Return what is random about one image in one epoch: NUM_DRAWS numbers in [0, 1)."""
    return torch.rand(NUM_RANDOM_PARAMETERS, generator=torch.Generator().manual_seed(stable_seed(seed, epoch, path)))


def augment(
    canvases: Tensor, aspects: Tensor, draws: Tensor, preprocessing: Preprocessing, config: AugmentConfig
) -> Tensor:
    """Return changed images, float (N, 3, S, S) in 0..255, of uint8 canvases (N, 3, C, C).

    `aspects` (N,) are width over height of the pictures that were squashed into the canvases, `draws` is
    (N, NUM_DRAWS). Crop, mirroring and rotation are one resampling.
    """
    size = preprocessing.image_size
    draws = draws.to(canvases.device)
    matrices = _placements(aspects.to(canvases.device), draws, preprocessing, config)
    grid = nn.functional.affine_grid(matrices, [len(canvases), 3, size, size], align_corners=False)
    # Outside of the canvas the sampler reads zeros, which are grey here
    images = nn.functional.grid_sample(canvases.float() - PAD_GREY, grid, align_corners=False) + PAD_GREY
    images = _change_colours(images, draws, config)
    return _erase(images, draws, config.random_erasing)


def preview_images(
    dataset: Dataset, config: AugmentConfig, seed: int, preprocessing: Preprocessing, num_images: int
) -> list[Pixels]:
    """Return training images spread over the dataset, each changed as in training."""
    samples = dataset.of_split("train")
    samples = samples[:: max(1, len(samples) // max(1, num_images))][:num_images]
    pictures: list[Pixels] = []
    for epoch, sample in enumerate(samples):
        square, aspect = make_canvas(decode(dataset.root / sample.path, preprocessing.canvas_size), preprocessing)
        draws = random_parameters(seed, epoch, sample.path)
        changed = augment(square[None], torch.tensor([aspect]), draws[None], preprocessing, config)
        pictures.append(changed[0].round().byte().permute(1, 2, 0).contiguous().numpy())
    return pictures


def _placements(aspects: Tensor, draws: Tensor, preprocessing: Preprocessing, config: AugmentConfig) -> Tensor:
    """Return the matrices (N, 2, 3) from places in the image to places in the canvas, both from -1 to 1.

    A random share of the area at a random aspect is cropped (Szegedy et al., 2015, section 6).
    """
    area = _between(draws[:, 0], config.crop_scale, 1.0)
    spread = math.log(4 / 3) if config.crop_scale < 1 else 0.0
    shape = torch.exp(_between(draws[:, 1], -spread, spread))
    if preprocessing.geometry == "squash":
        aspects = torch.ones_like(aspects)
    elif config.crop_scale == 1:
        area = torch.minimum(aspects, 1 / aspects)  # the largest square there is
    width = (area * shape / aspects).sqrt().clamp(max=1.0)
    height = (area * aspects / shape).sqrt().clamp(max=1.0)
    x, y = (1 - width) * _between(draws[:, 2], -1, 1), (1 - height) * _between(draws[:, 3], -1, 1)
    mirror = 1.0 - 2.0 * (draws[:, 4] < config.horizontal_flip)
    upside = 1.0 - 2.0 * (draws[:, 5] < config.vertical_flip)
    angle = _between(draws[:, 6], -1, 1) * math.radians(config.rotation)
    cosine, sine = angle.cos(), angle.sin()
    rows = (mirror * width * cosine, -mirror * width * sine, x, upside * height * sine, upside * height * cosine, y)
    return torch.stack(rows, 1).view(-1, 2, 3)


def _change_colours(images: Tensor, draws: Tensor, config: AugmentConfig) -> Tensor:
    """Change brightness, contrast, saturation and hue, by factors spread evenly around 1."""

    def factor(column: int, strength: float) -> Tensor:
        return _between(draws[:, column], 1 - strength, 1 + strength).view(-1, 1, 1, 1)

    if config.brightness:
        images = (images * factor(7, config.brightness)).clamp_(0, 255)
    if config.contrast or config.saturation:
        weights = torch.tensor(_GREY_WEIGHTS, device=images.device).view(1, 3, 1, 1)
        grey = (images * weights).sum(1, keepdim=True)
        contrast, saturation = factor(8, config.contrast), factor(9, config.saturation)
        middle = grey.mean((2, 3), keepdim=True)
        # Both blends in one: towards the mean grey, then each pixel towards its own
        changed_grey = middle + contrast * (grey - middle)
        images = (changed_grey + saturation * contrast * (images - grey)).clamp_(0, 255)
    if config.hue:
        shifts = (_between(draws[:, 10], -config.hue, config.hue)).tolist()
        images = torch.stack([F.adjust_hue(image / 255, shift) * 255 for image, shift in zip(images, shifts)])
    return images


def _erase(images: Tensor, draws: Tensor, probability: float) -> Tensor:
    """Paint noise over a random rectangle of 2 to 33 % of the area (Zhong et al., Random Erasing, 2020)."""
    size = images.shape[-1]
    for image, own in zip(images, draws.tolist()):
        if own[11] >= probability:
            continue
        area, aspect = size**2 * (0.02 + 0.31 * own[12]), math.exp(math.log(0.3) * (1 - 2 * own[13]))
        width, height = (min(size, max(1, round(math.sqrt(side)))) for side in (area * aspect, area / aspect))
        left, top = round((size - width) * own[14]), round((size - height) * own[15])
        noise = torch.Generator().manual_seed(round(own[12] * 2**52))
        image[:, top : top + height, left : left + width] = torch.randint(
            0, 256, (3, height, width), generator=noise
        ).to(image)
    return images


def _between(draws: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * draws
