"""Tests of augmentation, compared with torchvision's functions where it has them."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from engine.config.settings import Geometry
from engine.data.dataset import scan
from engine.ml.loading.augment import NUM_RANDOM_PARAMETERS, AugmentOptions, augment, preview_images, random_parameters
from engine.ml.models.preprocessing import PAD_GREY, Preprocessing, make_canvas
from tests.images import write_classes

UNCHANGED = AugmentOptions()
SIZE = 40


def _preprocessing(geometry: Geometry = "crop") -> Preprocessing:
    return Preprocessing(SIZE, geometry, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))


def _smooth(num_images: int = 1) -> Tensor:
    """Return smooth images, which resampling hardly changes, so that they can be compared after it."""
    side = _preprocessing().canvas_size
    rows, columns = torch.meshgrid(torch.linspace(0, 200, side), torch.linspace(0, 100, side), indexing="ij")
    image = torch.stack((rows, columns, (rows + columns) / 3)).round().byte()
    return image.repeat(num_images, 1, 1, 1)


def _augmented(
    options: AugmentOptions, canvases: Tensor, parameters: Tensor | None = None, aspect: float = 1.0
) -> Tensor:
    num_images = len(canvases)
    if parameters is None:
        parameters = torch.stack([random_parameters(0, 1, str(number)) for number in range(num_images)])
    return augment(canvases, torch.full((num_images,), aspect), parameters, _preprocessing(), options)


def _resized() -> Tensor:
    return F.resize(_smooth().float(), [SIZE, SIZE], antialias=True)


def _fixed(**columns: float) -> Tensor:
    """Return random parameters that are all 0.5 but for those of some columns, such as c6=1.0."""
    parameters = torch.full((1, NUM_RANDOM_PARAMETERS), 0.5)
    for column, value in columns.items():
        parameters[0, int(column[1:])] = value
    return parameters


def test_without_augmentation_a_square_image_is_only_resized() -> None:
    assert (_augmented(UNCHANGED, _smooth()) - _resized()).abs().max() < 3


def test_each_image_of_a_batch_is_augmented_with_its_own_parameters() -> None:
    options = AugmentOptions(rotation=20, vertical_flip=0.5, hue=0.1, random_erasing=0.5)
    parameters = torch.stack([random_parameters(0, 1, str(number)) for number in range(6)])
    together = _augmented(options, _smooth(6), parameters)
    for number in range(6):
        alone = _augmented(options, _smooth(1), parameters[number : number + 1])[0]
        assert torch.allclose(together[number], alone, atol=1e-3)
    assert not torch.allclose(together[0], together[1])


def test_values_stay_between_0_and_255() -> None:
    options = AugmentOptions(rotation=90, brightness=1, contrast=1, saturation=1, hue=0.5, random_erasing=0.5)
    images = _augmented(options, torch.randint(0, 256, (16, 3, 48, 48), dtype=torch.uint8))
    assert images.shape == (16, 3, SIZE, SIZE)
    assert images.min() >= 0
    assert images.max() <= 255.01


@pytest.mark.parametrize(("field", "axis"), [("horizontal_flip", 3), ("vertical_flip", 2)])
def test_a_flip_of_probability_one_mirrors(field: str, axis: int) -> None:
    flipped = _augmented(replace(UNCHANGED, **{field: 1.0}), _smooth())
    assert (flipped.flip(axis) - _resized()).abs().max() < 3


def test_a_rotation_has_the_given_angle_and_fills_with_grey() -> None:
    options = replace(UNCHANGED, rotation=90.0)
    image = _augmented(options, _smooth(), _fixed(c6=1.0))
    rotated = torch.rot90(_resized(), 1, (2, 3))
    assert min((image - rotated).abs().mean(), (image - rotated.flip(2, 3)).abs().mean()) < 3
    corner = _augmented(options, _smooth(), _fixed(c6=0.75))[0, :, 0, 0]
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
@pytest.mark.parametrize("value", [0.1, 0.9])
def test_each_colour_jitter_equals_that_of_torchvision(field: str, column: str, change: object, value: float) -> None:
    options = replace(UNCHANGED, **{field: 0.5})
    middle = 0.0 if field == "hue" else 1.0
    factor = middle - 0.5 + value
    expected = change(_resized() / 255, factor) * 255  # type: ignore[operator]
    assert (_augmented(options, _smooth(), _fixed(**{column: value})) - expected).abs().max() < 4


def test_random_crops_keep_at_least_the_given_fraction_of_the_area() -> None:
    # The range of values of a ramp from left to right is the width of the crop
    ramp = torch.arange(48, dtype=torch.uint8).repeat(3, 48, 1)[None].repeat(80, 1, 1, 1) * 5
    images = _augmented(replace(UNCHANGED, crop_scale=0.25), ramp)
    widths = (images.amax((1, 2, 3)) - images.amin((1, 2, 3))) / 240
    assert widths.min() > math.sqrt(0.25 * 0.75) - 0.1
    assert widths.max() > 0.8


def test_a_wide_image_is_cropped_to_its_middle_square() -> None:
    wide = np.zeros((60, 180, 3), np.uint8)
    wide[:, 60:120] = 255  # the middle third is a square
    square, aspect = make_canvas(wide, _preprocessing())
    image = augment(square[None], torch.tensor([aspect]), _fixed(), _preprocessing(), UNCHANGED)
    assert image[0, :, :, 3:-3].min() > 250


def test_random_erasing_covers_at_most_a_third_of_the_image() -> None:
    grey = torch.full((20, 3, 48, 48), 77, dtype=torch.uint8)
    images = _augmented(replace(UNCHANGED, random_erasing=1.0), grey)
    fractions = ((images - 77).abs() > 0.5).any(1).float().mean((1, 2))
    assert fractions.min() > 0
    assert fractions.max() < 0.36


def test_a_preview_is_training_images_spread_over_the_dataset_at_the_input_size(tmp_path: Path) -> None:
    dataset = scan(write_classes(tmp_path / "data", {"red": 4, "blue": 4}))
    images = preview_images(dataset, UNCHANGED, 0, _preprocessing(), 2)
    assert [(image.shape, image.dtype) for image in images] == [((SIZE, SIZE, 3), np.uint8)] * 2
    means = [image.mean((0, 1)) for image in images]
    assert means[0].argmax() == 2, "the first image is of the class blue"
    assert means[1].argmax() == 0, "the second image is of the class red"
