"""MixUp and CutMix of a batch. All randomness comes from the generator that is passed in."""

import math
import random

import torch
from torch import Generator, Tensor


def mixup(images: Tensor, targets: Tensor, lam: float) -> tuple[Tensor, Tensor]:
    """Blend each image, and its target, with the previous image of the batch.

    x = lam * x_i + (1 - lam) * x_(i-1) (Zhang et al., mixup, 2018, equation 1). The batch is already shuffled, so the
    previous image is a random partner.

    Args:
        images: float, shape (N, C, H, W).
        targets: float, shape (N, K), class probabilities.
        lam: Weight of the image itself, 0..1.

    Returns:
        Mixed images and targets, of the same shapes.
    """
    return _blend(images, lam), _blend(targets, lam)


def cutmix(images: Tensor, targets: Tensor, lam: float, centre: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Paste a box of the previous image into each image, and weight the targets by area.

    The sides of the box are sqrt(1 - lam) of the image's; the box is clipped at the border. Targets are weighted by the
    remaining area, not by `lam` (Yun et al., CutMix, 2019, section 3.1).

    Args:
        images: float, shape (N, C, H, W).
        targets: float, shape (N, K), class probabilities.
        lam: Fraction of the area that the image itself keeps if the box is not clipped, 0..1.
        centre: x and y of the centre of the box, in pixels.

    Returns:
        Mixed images and targets, of the same shapes.
    """
    height, width = images.shape[-2:]
    left, top, right, bottom = box_around(centre, width, height, lam)
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images[..., top:bottom, left:right].roll(1, 0)
    remaining_area = 1 - (right - left) * (bottom - top) / (width * height)
    return mixed, _blend(targets, remaining_area)


def box_around(centre: tuple[int, int], width: int, height: int, lam: float) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom (exclusive) of the CutMix box in pixels, clipped to the image."""
    x, y = centre
    half = 0.5 * math.sqrt(1 - lam)
    half_width, half_height = int(half * width), int(half * height)
    return max(0, x - half_width), max(0, y - half_height), min(width, x + half_width), min(height, y + half_height)


def mix_batch(
    images: Tensor,
    targets: Tensor,
    mixup_alpha: float,
    cutmix_alpha: float,
    cutmix_probability: float,
    generator: Generator,
) -> tuple[Tensor, Tensor]:
    """Apply MixUp or CutMix to a batch; if both are on, CutMix is chosen with `cutmix_probability`.

    An alpha of 0 turns that method off; otherwise lam is drawn from Beta(alpha, alpha).
    """
    # torch.distributions.Beta accepts no generator, so Python's generator is seeded from it
    rng = random.Random(int(torch.randint(2**62, (), generator=generator)))
    if cutmix_alpha > 0 and (mixup_alpha == 0 or rng.random() < cutmix_probability):
        height, width = images.shape[-2:]
        lam = rng.betavariate(cutmix_alpha, cutmix_alpha)
        return cutmix(images, targets, lam, (rng.randrange(width), rng.randrange(height)))
    if mixup_alpha > 0:
        return mixup(images, targets, rng.betavariate(mixup_alpha, mixup_alpha))
    return images, targets


def _blend(values: Tensor, lam: float) -> Tensor:
    return values * lam + values.roll(1, 0) * (1 - lam)
