"""Tests of engine.ml.models.preprocessing."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.config.settings import Geometry
from engine.ml.models.preprocessing import PAD_GREY, Preprocessing, make_canvas, normalise, preprocess


def _preprocessing(geometry: Geometry = "crop", size: int = 32) -> Preprocessing:
    return Preprocessing(size, geometry, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))


def _striped(width: int, height: int) -> np.ndarray:
    """Return an image that is black at the left edge, white in the middle and grey at the right edge."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[:, : width // 8] = 0
    pixels[:, -(width // 8) :] = 128
    return pixels


def _noise(width: int = 60, height: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
@pytest.mark.parametrize("size", [(60, 40), (40, 60), (1, 1), (500, 3), (32, 32)])
def test_any_image_becomes_a_uint8_square(geometry: Geometry, size: tuple[int, int]) -> None:
    width, height = size
    preprocessing = _preprocessing(geometry)
    image = preprocess(_noise(width, height), preprocessing)
    square, aspect = make_canvas(_noise(width, height), preprocessing)
    assert image.shape == (3, 32, 32)
    assert square.shape == (3, preprocessing.canvas_size, preprocessing.canvas_size)
    assert image.dtype == square.dtype == torch.uint8
    assert aspect == (1 if geometry == "pad" else width / height)


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
@pytest.mark.parametrize("size", [(1, 30_000), (30_000, 1), (20_000, 40)])
def test_a_long_strip_does_not_fill_the_memory(
    geometry: Geometry, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for name in ("interpolate", "pad"):
        real = getattr(functional, name)

        def noted(*args: object, real: Callable[..., torch.Tensor] = real, **options: object) -> torch.Tensor:
            image = real(*args, **options)
            made.append(image.numel())
            return image

        monkeypatch.setattr(functional, name, noted)
    preprocess(_noise(*size), _preprocessing(geometry))
    make_canvas(_noise(*size), _preprocessing(geometry))
    assert max(made) < 100_000


def test_cutting_the_ends_of_a_strip_does_not_change_the_centre_crop() -> None:
    strip = _noise(1000, 20)
    crop = _preprocessing("crop")
    assert torch.equal(preprocess(strip, crop), preprocess(strip[:, 400:600], crop))


def test_crop_takes_the_centre() -> None:
    assert (preprocess(_striped(128, 64), _preprocessing("crop")) == 255).all()


def test_squash_keeps_both_edges() -> None:
    image = preprocess(_striped(128, 64), _preprocessing("squash"))
    assert image[0, 16, 0] == 0
    assert image[0, 16, -1] == 128


def test_pad_centres_the_whole_image_between_grey_borders() -> None:
    image = preprocess(_striped(128, 64), _preprocessing("pad"))
    assert (image[:, 0] == PAD_GREY).all()
    assert (image[:, -1] == PAD_GREY).all()
    assert image[0, 16, 0] == 0
    assert image[0, 16, -1] == 128


def test_normalised_values_have_the_given_mean_and_standard_deviation() -> None:
    batch = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)
    expected = torch.tensor([(1 - 0.5) / 0.2, (1 - 0.4) / 0.2, (1 - 0.3) / 0.25])
    assert torch.allclose(normalise(batch, _preprocessing())[1, :, 2, 3], expected)
