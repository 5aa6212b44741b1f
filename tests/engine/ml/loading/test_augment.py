"""Tests of changing batches at random, against torchvision's functions where it has the same."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from engine.config.settings import Geometry
from engine.ml.loading.augment import NUM_RANDOM_PARAMETERS, AugmentOptions, augment, random_parameters
from engine.ml.models.preprocessing import PAD_GREY, Preprocessing, make_canvas

STILL = AugmentOptions()
SIZE = 40
HALF = 0.5


def _preprocessing(geometry: Geometry = "crop") -> Preprocessing:
    return Preprocessing(SIZE, geometry, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))


def _smooth(num_images: int = 1) -> Tensor:
    """Pictures that a resampling hardly changes, so that they can be compared after one."""
    side = _preprocessing().canvas_size
    rows, columns = torch.meshgrid(torch.linspace(0, 200, side), torch.linspace(0, 100, side), indexing="ij")
    picture = torch.stack((rows, columns, (rows + columns) / 3)).round().byte()
    return picture.repeat(num_images, 1, 1, 1)


def _changed(config: AugmentOptions, canvases: Tensor, draws: Tensor | None = None, aspect: float = 1.0) -> Tensor:
    num_images = len(canvases)
    if draws is None:
        draws = torch.stack([random_parameters(0, 1, str(number)) for number in range(num_images)])
    return augment(canvases, torch.full((num_images,), aspect), draws, _preprocessing(), config)


def _plain() -> Tensor:
    return F.resize(_smooth().float(), [SIZE, SIZE], antialias=True)


def _fixed(**columns: float) -> Tensor:
    draws = torch.full((1, NUM_RANDOM_PARAMETERS), HALF)
    for column, value in columns.items():
        draws[0, int(column[1:])] = value
    return draws


def test_without_changes_a_square_is_only_resized() -> None:
    assert (_changed(STILL, _smooth()) - _plain()).abs().max() < 3


def test_each_image_of_a_batch_is_changed_by_its_own_draws() -> None:
    config = AugmentOptions(rotation=20, vertical_flip=0.5, hue=0.1, random_erasing=0.5)
    draws = torch.stack([random_parameters(0, 1, str(number)) for number in range(6)])
    together = _changed(config, _smooth(6), draws)
    for number in range(6):
        alone = _changed(config, _smooth(1), draws[number : number + 1])[0]
        assert torch.allclose(together[number], alone, atol=1e-3)
    assert not torch.allclose(together[0], together[1])


def test_values_stay_between_black_and_white() -> None:
    config = AugmentOptions(rotation=90, brightness=1, contrast=1, saturation=1, hue=0.5, random_erasing=0.5)
    images = _changed(config, torch.randint(0, 256, (16, 3, 48, 48), dtype=torch.uint8))
    assert images.shape == (16, 3, SIZE, SIZE)
    assert images.min() >= 0
    assert images.max() <= 255.01


@pytest.mark.parametrize(("field", "axis"), [("horizontal_flip", 3), ("vertical_flip", 2)])
def test_a_flip_of_probability_one_mirrors(field: str, axis: int) -> None:
    flipped = _changed(replace(STILL, **{field: 1.0}), _smooth())
    assert (flipped.flip(axis) - _plain()).abs().max() < 3


def test_a_rotation_turns_as_far_as_asked_and_shows_grey_outside() -> None:
    config = replace(STILL, rotation=90.0)
    turned = _changed(config, _smooth(), _fixed(c6=1.0))
    quarter = torch.rot90(_plain(), 1, (2, 3))
    assert min((turned - quarter).abs().mean(), (turned - quarter.flip(2, 3)).abs().mean()) < 3
    corner = _changed(config, _smooth(), _fixed(c6=0.75))[0, :, 0, 0]
    assert torch.allclose(corner, torch.full((3,), float(PAD_GREY)), atol=1)


@pytest.mark.parametrize(
    ("field", "column", "change"),
    [
        ("brightness", "c7", F.adjust_brightness),
        ("contrast", "c8", F.adjust_contrast),
        ("saturation", "c9", F.adjust_saturation),
        ("hue", "c10", F.adjust_hue),
    ],
)
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_each_kind_of_jitter_does_what_torchvisions_does(field: str, column: str, change: object, share: float) -> None:
    config = replace(STILL, **{field: 0.5})
    middle = 0.0 if field == "hue" else 1.0
    factor = middle - 0.5 + share
    expected = change(_plain() / 255, factor) * 255  # type: ignore[operator]
    assert (_changed(config, _smooth(), _fixed(**{column: share})) - expected).abs().max() < 4


def test_crops_keep_the_share_of_the_area_that_was_asked_for() -> None:
    # A ramp from left to right: the spread of its values tells how wide the crop was
    ramp = torch.arange(48, dtype=torch.uint8).repeat(3, 48, 1)[None].repeat(80, 1, 1, 1) * 5
    images = _changed(replace(STILL, crop_scale=0.25), ramp)
    widths = (images.amax((1, 2, 3)) - images.amin((1, 2, 3))) / 240
    assert widths.min() > math.sqrt(0.25 * 0.75) - 0.1
    assert widths.max() > 0.8


def test_a_wide_picture_is_cropped_to_what_was_square_in_it() -> None:
    wide = np.zeros((60, 180, 3), np.uint8)
    wide[:, 60:120] = 255  # the middle third is a square
    square, aspect = make_canvas(wide, _preprocessing())
    image = augment(square[None], torch.tensor([aspect]), _fixed(), _preprocessing(), STILL)
    assert image[0, :, :, 3:-3].min() > 250


def test_erasing_changes_at_most_a_third_of_the_picture() -> None:
    grey = torch.full((20, 3, 48, 48), 77, dtype=torch.uint8)
    images = _changed(replace(STILL, random_erasing=1.0), grey)
    shares = ((images - 77).abs() > 0.5).any(1).float().mean((1, 2))
    assert shares.min() > 0
    assert shares.max() < 0.36
