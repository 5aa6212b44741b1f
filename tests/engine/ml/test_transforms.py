"""Tests of turning pixels into what the network sees."""

import math

import numpy as np
import pytest
import torch
from torch import Generator

from engine.config import AugmentConfig, Geometry
from engine.ml.transforms import PAD_GREY, Preprocessing, augment, normalise, prepare, training_min_side

STILL = AugmentConfig(crop_scale=1, horizontal_flip=0, brightness=0, contrast=0, saturation=0)


def _preprocessing(geometry: Geometry = "crop", size: int = 32) -> Preprocessing:
    return Preprocessing(size, geometry, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))


def _striped(width: int, height: int) -> np.ndarray:
    """Black at the left edge, white in the middle, grey at the right edge."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[:, : width // 8] = 0
    pixels[:, -(width // 8) :] = 128
    return pixels


def _noise(width: int = 60, height: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
@pytest.mark.parametrize("size", [(60, 40), (40, 60), (1, 1), (500, 3), (32, 32)])
def test_any_picture_becomes_a_square_of_bytes(geometry: Geometry, size: tuple[int, int]) -> None:
    width, height = size
    for image in (
        prepare(_noise(width, height), _preprocessing(geometry)),
        augment(_noise(width, height), _preprocessing(geometry), AugmentConfig(), Generator().manual_seed(0)),
    ):
        assert image.shape == (3, 32, 32)
        assert image.dtype == torch.uint8


def test_crop_takes_the_middle() -> None:
    assert (prepare(_striped(128, 64), _preprocessing("crop")) == 255).all()


def test_squash_keeps_both_edges() -> None:
    image = prepare(_striped(128, 64), _preprocessing("squash"))
    assert image[0, 16, 0] == 0
    assert image[0, 16, -1] == 128


def test_pad_puts_the_whole_picture_between_grey_borders() -> None:
    image = prepare(_striped(128, 64), _preprocessing("pad"))
    assert (image[:, 0] == PAD_GREY).all()
    assert (image[:, -1] == PAD_GREY).all()
    assert image[0, 16, 0] == 0
    assert image[0, 16, -1] == 128


def test_normalised_values_have_the_mean_and_deviation_asked_for() -> None:
    batch = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)
    expected = torch.tensor([(1 - 0.5) / 0.2, (1 - 0.4) / 0.2, (1 - 0.3) / 0.25])
    assert torch.allclose(normalise(batch, _preprocessing())[1, :, 2, 3], expected)


def test_the_same_generator_state_gives_the_same_picture() -> None:
    config = AugmentConfig(rotation=20, vertical_flip=0.5, hue=0.1, random_erasing=0.5)
    pictures = [augment(_noise(), _preprocessing(), config, Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[0], pictures[2])


def test_without_augmentation_a_square_picture_is_only_resized() -> None:
    pixels = _noise(32, 32)
    image = augment(pixels, _preprocessing(), STILL, Generator().manual_seed(0))
    assert torch.equal(image, torch.from_numpy(pixels).permute(2, 0, 1))


@pytest.mark.parametrize(("field", "axis"), [("horizontal_flip", 2), ("vertical_flip", 1)])
def test_a_flip_of_probability_one_mirrors(field: str, axis: int) -> None:
    pixels = _noise(32, 32)
    config = STILL.model_copy(update={field: 1.0})
    image = augment(pixels, _preprocessing(), config, Generator().manual_seed(0))
    assert torch.equal(image.flip(axis), torch.from_numpy(pixels).permute(2, 0, 1))


def test_erasing_changes_at_most_a_third_of_the_picture() -> None:
    pixels = np.full((64, 64, 3), 77, np.uint8)
    config = STILL.model_copy(update={"random_erasing": 1.0})
    shares = []
    for seed in range(20):
        image = augment(pixels, _preprocessing(size=64), config, Generator().manual_seed(seed))
        shares.append((image != 77).any(0).float().mean().item())
    assert min(shares) > 0
    assert max(shares) < 0.36


@pytest.mark.parametrize("field", ["brightness", "contrast", "saturation", "hue"])
def test_each_kind_of_jitter_changes_colours(field: str) -> None:
    config = STILL.model_copy(update={field: 0.5})
    pixels = _noise(32, 32)
    image = augment(pixels, _preprocessing(), config, Generator().manual_seed(3))
    assert not torch.equal(image, torch.from_numpy(pixels).permute(2, 0, 1))


def test_crops_keep_the_share_of_the_area_that_was_asked_for() -> None:
    # A ramp from left to right: the spread of its values tells how wide the crop was
    ramp = np.broadcast_to(np.arange(240, dtype=np.uint8)[None, :, None], (240, 240, 3))
    config = STILL.model_copy(update={"crop_scale": 0.25})
    widths = []
    for seed in range(50):
        image = augment(np.ascontiguousarray(ramp), _preprocessing(), config, Generator().manual_seed(seed)).int()
        widths.append((image.max() - image.min()).item() / 240)
    assert min(widths) > math.sqrt(0.25 * 0.75) - 0.1
    assert max(widths) > 0.8


def test_pictures_are_read_large_enough_for_the_smallest_crop() -> None:
    assert training_min_side(_preprocessing(size=100), 0.25) == 200
    assert training_min_side(_preprocessing(size=100), 1.0) == math.ceil(100 / 0.875)
