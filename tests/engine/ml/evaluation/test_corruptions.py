"""Tests of image corruptions."""

import pytest
import torch

from engine.ml.evaluation.corruptions import CORRUPTIONS, Corruption, corrupt_images


def _smooth(num: int = 2, side: int = 32) -> torch.Tensor:
    ramp = torch.linspace(30, 200, side)
    ramps = ramp[None, :] * 0.5 + ramp[:, None] * 0.5
    return ramps.expand(num, 3, side, side).round().to(torch.uint8)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=str)
def test_every_corruption_keeps_shape_and_dtype_and_is_deterministic(corruption: Corruption) -> None:
    torch.manual_seed(0)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    before = images.clone()
    changed = corrupt_images(images, corruption)
    assert changed.shape == images.shape
    assert changed.dtype == torch.uint8
    assert not torch.equal(changed, images)
    assert torch.equal(images, before)
    assert torch.equal(corrupt_images(images, corruption), changed)


def test_stronger_levels_differ_more_from_the_original() -> None:
    # Rotation is left out: by 90° this image becomes its mirror image, which differs less than 30° with grey corners
    images = _smooth()
    for kind in ("noise", "darker", "brighter", "jpeg"):
        distances = [
            float((corrupt_images(images, corruption).float() - images.float()).abs().mean())
            for corruption in CORRUPTIONS
            if corruption.kind == kind
        ]
        assert distances == sorted(distances)
        assert distances[0] < distances[-1]
