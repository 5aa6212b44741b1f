"""Tests of the reduction of large images while they are decoded, and of their conversion in strips."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.decode import decode
from engine.data.pixels import decode_limits, to_rgb
from tests.image_bytes import encode, two_halves


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image"


def test_a_jpeg_whose_longer_side_has_an_odd_number_of_pixels_is_reduced_too(path: Path) -> None:
    path.write_bytes(encode(two_halves((101, 80)), "JPEG"))
    assert decode(path, 40).shape == (40, 51, 3)
    assert decode(path, 41).shape == (80, 101, 3)


@pytest.mark.parametrize(
    ("min_side", "shape"),
    [
        (None, (1200, 1600)),
        (2000, (1200, 1600)),
        (601, (1200, 1600)),
        (600, (600, 800)),
        (300, (300, 400)),
        (150, (150, 200)),
        (20, (150, 200)),
    ],
)
def test_a_jpeg_is_decoded_at_the_smallest_fraction_not_below_the_minimum(
    path: Path, min_side: int | None, shape: tuple[int, int]
) -> None:
    path.write_bytes(encode(two_halves((1600, 1200)), "JPEG"))
    assert decode(path, min_side).shape == (*shape, 3)


@pytest.mark.parametrize(
    ("size", "min_side", "shape"),
    [
        ((100, 60), 10, (60, 100)),  # not large
        ((101, 60), None, (60, 101)),
        ((101, 60), 31, (60, 101)),
        ((101, 60), 100, (60, 101)),
        ((101, 60), 15, (30, 51)),
        ((101, 60), 10, (20, 34)),
        ((60, 101), 10, (34, 20)),
    ],
)
def test_an_image_of_more_pixels_than_the_limit_keeps_twice_the_minimum_side(
    path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], min_side: int | None, shape: tuple[int, int]
) -> None:
    monkeypatch.setattr(decode_limits, "_LARGE_PIXELS", 6000)
    path.write_bytes(encode(two_halves(size), "PNG"))
    assert decode(path, min_side).shape == (*shape, 3)


@pytest.mark.parametrize(("reduction", "heights"), [(1, [10] * 20), (3, [9] * 22 + [2]), (4, [8] * 25)])
def test_strips_have_whole_reduced_rows(monkeypatch: pytest.MonkeyPatch, reduction: int, heights: list[int]) -> None:
    monkeypatch.setattr(to_rgb, "STRIP_PIXELS", 3000)
    boxes = to_rgb.strip_boxes((300, 200), reduction)
    assert [bottom - top for _, top, _, bottom in boxes] == heights
    assert [box[1] for box in boxes] == [0, *(box[3] for box in boxes[:-1])]


def test_an_image_wider_than_a_strip_is_converted_row_by_row(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(to_rgb, "STRIP_PIXELS", 10)
    image = two_halves((30, 3))
    path.write_bytes(encode(image, "PNG"))
    assert np.array_equal(decode(path), np.asarray(image))


def test_a_large_image_is_reduced_in_strips_without_seams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    across = np.linspace(0, 255, 300, dtype=np.uint8)
    grey = np.add.outer(across[:200] // 2, across // 2)
    for suffix, values in ((".png", grey), (".tif", grey.astype(np.uint16) * 257), (".tiff", grey / np.float32(255))):
        Image.fromarray(values).save(tmp_path / f"a{suffix}")
        whole = decode(tmp_path / f"a{suffix}")
        with monkeypatch.context() as patch:
            patch.setattr(to_rgb, "STRIP_PIXELS", 3000)
            assert np.array_equal(decode(tmp_path / f"a{suffix}"), whole)
            patch.setattr(decode_limits, "_LARGE_PIXELS", 1000)
            reduced = decode(tmp_path / f"a{suffix}", min_side=20)
        assert reduced.shape == (40, 60, 3)
        assert np.abs(reduced.astype(int) - whole.reshape(40, 5, 60, 5, 3).mean((1, 3))).max() <= 1
