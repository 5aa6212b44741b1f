"""MixUp and CutMix on the batch, from scratch. All randomness comes from a generator that is handed in."""

import math
import random

import torch
from torch import Generator, Tensor


def mixup(images: Tensor, targets: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Blend each image with the one before it in the batch, and its target alike.

    x = share * x_i + (1 - share) * x_(i-1) (Zhang et al., mixup, 2018, equation 1). `images` has shape (N, C, H, W),
    `targets` (N, K) and sums to 1 along K. The batch is shuffled already, so the neighbour is a random partner.
    """
    return _blend(images, share), _blend(targets, share)


def cutmix(images: Tensor, targets: Tensor, share: float, centre: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Paste a box of the image before it into each image, and weigh the targets by area.

    The box around `centre` (x, y) has sides sqrt(1 - share) of the image's and is clipped at its border. The targets
    are weighed by the area that is left, not by the share that was drawn (Yun et al., CutMix, 2019, section 3.1).
    """
    height, width = images.shape[-2:]
    left, top, right, bottom = box_around(centre, width, height, share)
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images[..., top:bottom, left:right].roll(1, 0)
    real_share = 1 - (right - left) * (bottom - top) / (width * height)
    return mixed, _blend(targets, real_share)


def box_around(centre: tuple[int, int], width: int, height: int, share: float) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom (the last two outside) of CutMix's box in pixels, clipped to the image."""
    x, y = centre
    half = 0.5 * math.sqrt(1 - share)
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
    """Return the batch mixed by MixUp or CutMix; with both on, CutMix is taken with `cutmix_probability`.

    An alpha of 0 turns its kind off; else the share of an image itself is drawn from Beta(alpha, alpha).
    """
    # torch.distributions.Beta takes no generator; Python's own dice, seeded from it, do
    dice = random.Random(int(torch.randint(2**62, (), generator=generator)))
    if cutmix_alpha > 0 and (mixup_alpha == 0 or dice.random() < cutmix_probability):
        height, width = images.shape[-2:]
        share = dice.betavariate(cutmix_alpha, cutmix_alpha)
        return cutmix(images, targets, share, (dice.randrange(width), dice.randrange(height)))
    if mixup_alpha > 0:
        return mixup(images, targets, dice.betavariate(mixup_alpha, mixup_alpha))
    return images, targets


def _blend(values: Tensor, share: float) -> Tensor:
    return values * share + values.roll(1, 0) * (1 - share)
