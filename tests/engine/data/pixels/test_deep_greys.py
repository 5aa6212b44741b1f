"""Tests of the decoding of single greys with more than 8 bits: 16-bit and 32-bit integers and floats."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from engine.data.decode import decode
from engine.data.pixels import to_rgb
from engine.data.pixels.grey_range import GreyRanges
from tests.tiff_bytes import tiff


def _save(values: list[float], path: Path, dtype: type = np.float32) -> Path:
    Image.fromarray(np.array([values], dtype)).save(path)
    return path


def _greys(path: Path, ranges: GreyRanges | None = GreyRanges()) -> list[int]:  # noqa: B008 - frozen
    pixels = decode(path, grey_ranges=ranges)
    assert (pixels == pixels[..., :1]).all()
    return pixels[0, :, 0].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_greys_of_fewer_bits_in_16_use_all_levels(tmp_path: Path, suffix: str, bits: int) -> None:
    white = 2**bits - 1
    path = _save([0, white // 2, white * 0.8], tmp_path / f"deep{suffix}", np.uint16)
    assert np.abs(np.subtract(_greys(path), [0, 127, 204])).max() <= 1


def test_16_bit_greys_that_use_the_whole_range_are_divided_by_257(tmp_path: Path) -> None:
    values = [0, 1, 257, 25700, 30000, 65535]
    path = _save(values, tmp_path / "deep.png", np.uint16)
    assert _greys(path) == [round(value / 257) for value in values] == _greys(path, None)


@pytest.mark.parametrize(
    ("values", "greys"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 0.1, 0.2], [0, 26, 51]),
        ([0.0, 0.5, 1.0001], [0, 127, 255]),
        ([0.0, 1.5, 2.0], [0, 191, 255]),
        ([0.0, 51.0, 255.0], [0, 51, 255]),
        ([0.0, 2047.5, 4095.0], [0, 128, 255]),
        ([-5.0, 0.0, 5.0], [0, 128, 255]),
        ([-0.5, 0.5, 1.5], [0, 128, 255]),
        ([-3.0, -3.0, -3.0], [0, 0, 0]),
        ([np.nan, 0.5, 1.0], [0, 128, 255]),
        ([np.inf, -np.inf, 1.0], [255, 0, 255]),
        ([np.nan, np.inf, -np.inf], [0, 255, 0]),
    ],
)
def test_floats_above_1_are_scaled_by_their_highest_value(
    tmp_path: Path, values: list[float], greys: list[int]
) -> None:
    assert _greys(_save(values, tmp_path / "float.tif")) == greys


@pytest.mark.parametrize(
    ("values", "greys"),
    [
        ([0, 1, 257], [0, 0, 64]),
        ([257, 25700, 65535], [1, 100, 255]),
        ([0, 65536, 131072], [0, 128, 255]),
        ([-1, 0, 1], [0, 128, 255]),
        ([7, 7, 7], [7, 7, 7]),
    ],
)
def test_integers_of_32_bits_are_scaled_by_their_highest_value(
    tmp_path: Path, values: list[int], greys: list[int]
) -> None:
    assert _greys(_save(values, tmp_path / "deep.tif", np.int32)) == greys


def test_the_ranges_of_a_dataset_keep_a_dark_image_dark(tmp_path: Path) -> None:
    ranges = GreyRanges(integer=(0, 4095), floating=(-1, 3))
    assert _greys(_save([0, 200, 409.5], tmp_path / "dark.tif", np.uint16), ranges) == [0, 12, 25]
    assert _greys(_save([-1, 0, 0.5], tmp_path / "float.tif"), ranges) == [0, 64, 96]


def test_values_beyond_the_range_of_a_dataset_become_black_and_white(tmp_path: Path) -> None:
    ranges = GreyRanges(integer=(100, 4095), floating=(-1, 3))
    assert _greys(_save([0, 100, 5000], tmp_path / "deep.tif", np.uint16), ranges) == [0, 0, 255]
    assert _greys(_save([-9, np.nan, 1e30], tmp_path / "float.tif"), ranges) == [0, 0, 255]


@pytest.mark.parametrize(
    ("values", "dtype", "greys"),
    [
        ([0, 2000, 4095], np.uint16, [0, 8, 16]),
        ([0, 65536, 131072], np.int32, [0, 128, 255]),
        ([0.0, 0.5, 1.0], np.float32, [0, 128, 255]),
        ([0.0, 1.5, 2.0], np.float32, [0, 2, 2]),
        ([0.0, 255.5, 511.0], np.float32, [0, 128, 255]),
    ],
)
def test_models_of_version_0_1_get_the_greys_that_they_were_trained_on(
    tmp_path: Path, values: list[float], dtype: type, greys: list[int]
) -> None:
    assert _greys(_save(values, tmp_path / "deep.tif", dtype), None) == greys


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        (np.array([[-9999, 0, 0.5, 1]], np.float32), {42113: "-9999"}),
        (np.array([[-9999, 0, 0.5, 1]], np.float64), {42113: "-9999\0"}),
        (np.array([[-3.4e38, 0, 0.5, 1]], np.float32), {}),
        (np.array([[65535, 0, 2048, 4095]], np.uint16), {42113: "65535"}),
    ],
)
def test_pixels_without_data_are_black_and_have_no_part_in_the_range(
    tmp_path: Path, values: npt.NDArray[np.generic], tags: dict[int, str]
) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(values, tags=tags))
    assert _greys(tmp_path / "a.tif") == [0, 0, 128, 255]


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 4095), (np.float32, 4 * 999 / 1000)])
def test_a_broken_pixel_does_not_turn_an_image_black(tmp_path: Path, dtype: type, white: float) -> None:
    values = np.resize(np.arange(1000) * (1 if dtype is np.uint16 else 0.001), (50, 50)).astype(dtype)
    values[20, 20] = 65535
    Image.fromarray(values).save(tmp_path / "a.tif")
    pixels = decode(tmp_path / "a.tif")[..., 0]
    assert pixels[20, 20] == 255
    assert pixels[19, 49] == round(999 * (1 if dtype is np.uint16 else 0.001) * 255 / white)


def test_a_float_image_is_stretched_by_the_range_of_all_its_strips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_rgb, "STRIP_PIXELS", 1)
    values = np.array([[0.0], [-100.0], [300.0], [60.0]], dtype=np.float32)
    Image.fromarray(values).save(tmp_path / "float.tif")
    assert decode(tmp_path / "float.tif")[:, 0, 0].tolist() == [64, 0, 255, 102]
