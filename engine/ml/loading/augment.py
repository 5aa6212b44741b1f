"""Random augmentation of a whole batch on the training device, with separate parameters for each image.

The random parameters depend only on seed, epoch and path, so the result does not depend on the order of threads.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.core.seeds import stable_seed
from engine.data.dataset import Dataset
from engine.data.decode import Pixels, decode
from engine.ml.models.lazy_torchvision import adjust_hue
from engine.ml.models.preprocessing import PAD_GREY, Preprocessing, make_canvas

NUM_RANDOM_PARAMETERS = 16
_GREY_WEIGHTS = (0.2989, 0.587, 0.114)
"""Luma of ITU-R BT.601, as in torchvision."""


@dataclass(frozen=True)
class AugmentOptions:
    """Strength of each augmentation. The defaults change nothing but the size."""

    crop_scale: float = 1.0
    """Smallest fraction of the area that a random crop keeps; 1: no random crop."""
    horizontal_flip: float = 0.0
    """Probability."""
    vertical_flip: float = 0.0
    """Probability."""
    rotation: float = 0.0
    """Largest rotation either way, in degrees."""
    brightness: float = 0.0
    """Largest relative change; so for contrast and saturation."""
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    """Largest shift, as a fraction of the colour circle."""
    random_erasing: float = 0.0
    """Probability."""


def random_parameters(seed: int, epoch: int, path: str) -> Tensor:
    """Return the random augmentation parameters of one image in one epoch: NUM_RANDOM_PARAMETERS numbers in [0, 1)."""
    return torch.rand(NUM_RANDOM_PARAMETERS, generator=torch.Generator().manual_seed(stable_seed(seed, epoch, path)))


def augment(
    canvases: Tensor, aspects: Tensor, parameters: Tensor, preprocessing: Preprocessing, options: AugmentOptions
) -> Tensor:
    """Augment a batch. Crop, flips and rotation are done in one resampling.

    Args:
        canvases: uint8, shape (N, 3, C, C), images squashed to a square of `preprocessing.canvas_size`.
        aspects: Shape (N,), width over height of the images before they were squashed.
        parameters: Shape (N, NUM_RANDOM_PARAMETERS), in [0, 1), from `random_parameters`.
        preprocessing: Gives the output size and the resize mode.
        options: Strength of each augmentation.

    Returns:
        float32, shape (N, 3, S, S), in 0..255, not normalised.
    """
    size = preprocessing.image_size
    parameters = parameters.to(canvases.device)
    matrices = _affine_matrices(aspects.to(canvases.device), parameters, preprocessing, options)
    grid = nn.functional.affine_grid(matrices, [len(canvases), 3, size, size], align_corners=False)
    # grid_sample pads with zeros, so grey is shifted to zero while sampling
    images = nn.functional.grid_sample(canvases.float() - PAD_GREY, grid, align_corners=False) + PAD_GREY
    images = _jitter_colours(images, parameters, options)
    return _erase(images, parameters, options.random_erasing)


def preview_images(
    dataset: Dataset, options: AugmentOptions, seed: int, preprocessing: Preprocessing, num_images: int
) -> list[Pixels]:
    """Return `num_images` training images, evenly spread over the dataset, augmented as in training."""
    samples = dataset.of_split("train")
    samples = samples[:: max(1, len(samples) // max(1, num_images))][:num_images]
    images: list[Pixels] = []
    for epoch, sample in enumerate(samples):
        canvas, aspect = make_canvas(
            decode(dataset.root / sample.path, preprocessing.canvas_size, preprocessing.grey_ranges), preprocessing
        )
        parameters = random_parameters(seed, epoch, sample.path)
        augmented = augment(canvas[None], torch.tensor([aspect]), parameters[None], preprocessing, options)
        images.append(augmented[0].round().byte().permute(1, 2, 0).contiguous().numpy())
    return images


def _affine_matrices(
    aspects: Tensor, parameters: Tensor, preprocessing: Preprocessing, options: AugmentOptions
) -> Tensor:
    """Return matrices (N, 2, 3) that map output coordinates to canvas coordinates, both in -1..1.

    The crop has a random fraction of the area at a random aspect ratio (Szegedy et al., 2015, section 6).
    """
    area = _scale_to(parameters[:, 0], options.crop_scale, 1.0)
    max_log_ratio = math.log(4 / 3) if options.crop_scale < 1 else 0.0
    ratio = torch.exp(_scale_to(parameters[:, 1], -max_log_ratio, max_log_ratio))
    if preprocessing.geometry == "squash":
        aspects = torch.ones_like(aspects)
    elif options.crop_scale == 1:
        area = torch.minimum(aspects, 1 / aspects)  # the largest square of the image
    width = (area * ratio / aspects).sqrt().clamp(max=1.0)
    height = (area * aspects / ratio).sqrt().clamp(max=1.0)
    x = (1 - width) * _scale_to(parameters[:, 2], -1, 1)
    y = (1 - height) * _scale_to(parameters[:, 3], -1, 1)
    sign_x = 1.0 - 2.0 * (parameters[:, 4] < options.horizontal_flip)
    sign_y = 1.0 - 2.0 * (parameters[:, 5] < options.vertical_flip)
    angle = _scale_to(parameters[:, 6], -1, 1) * math.radians(options.rotation)
    cosine, sine = angle.cos(), angle.sin()
    rows = (sign_x * width * cosine, -sign_x * width * sine, x, sign_y * height * sine, sign_y * height * cosine, y)
    return torch.stack(rows, 1).view(-1, 2, 3)


def _jitter_colours(images: Tensor, parameters: Tensor, options: AugmentOptions) -> Tensor:
    """Change brightness, contrast and saturation by factors uniform around 1, and hue by a uniform shift."""

    def factor(column: int, strength: float) -> Tensor:
        return _scale_to(parameters[:, column], 1 - strength, 1 + strength).view(-1, 1, 1, 1)

    if options.brightness:
        images = (images * factor(7, options.brightness)).clamp_(0, 255)
    if options.contrast or options.saturation:
        weights = torch.tensor(_GREY_WEIGHTS, device=images.device).view(1, 3, 1, 1)
        grey = (images * weights).sum(1, keepdim=True)
        contrast, saturation = factor(8, options.contrast), factor(9, options.saturation)
        mean_grey = grey.mean((2, 3), keepdim=True)
        # Contrast blends with the mean grey and saturation with each pixel's grey; one formula does both
        changed_grey = mean_grey + contrast * (grey - mean_grey)
        images = (changed_grey + saturation * contrast * (images - grey)).clamp_(0, 255)
    if options.hue:
        shifts = (_scale_to(parameters[:, 10], -options.hue, options.hue)).tolist()
        images = torch.stack([adjust_hue(image / 255, shift) * 255 for image, shift in zip(images, shifts)])
    return images


def _erase(images: Tensor, parameters: Tensor, probability: float) -> Tensor:
    """Fill a random rectangle of 2 to 33 % of the area with noise (Zhong et al., Random Erasing, 2020)."""
    size = images.shape[-1]
    for image, values in zip(images, parameters.tolist()):
        if values[11] >= probability:
            continue
        area, aspect = size**2 * (0.02 + 0.31 * values[12]), math.exp(math.log(0.3) * (1 - 2 * values[13]))
        width, height = (min(size, max(1, round(math.sqrt(side)))) for side in (area * aspect, area / aspect))
        left, top = round((size - width) * values[14]), round((size - height) * values[15])
        generator = torch.Generator().manual_seed(round(values[12] * 2**52))
        noise = torch.randint(0, 256, (3, height, width), generator=generator)
        image[:, top : top + height, left : left + width] = noise.to(image)
    return images


def _scale_to(parameters: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * parameters
