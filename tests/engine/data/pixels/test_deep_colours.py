"""Tests of the decoding of colours with 16 bits per channel, of which Pillow keeps the high bytes only."""

import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from engine.data.decode import decode, decode_with_header
from engine.data.pixels import deep_colours, to_rgb
from engine.data.pixels.grey_range import GreyRanges
from tests.image_bytes import png
from tests.tiff_bytes import DEFLATE, tiff

_FULL = GreyRanges(integer=(0, 65535))


def _colours(white: int, channels: int = 3) -> npt.NDArray[np.uint16]:
    samples = np.random.default_rng(0).integers(0, white + 1, (16, 24, channels), dtype=np.uint16)
    samples[0, 0] = white
    return samples


def _difference(path: Path, expected: npt.NDArray[np.generic], ranges: GreyRanges = GreyRanges()) -> int:  # noqa: B008 - frozen
    return int(np.abs(decode(path, grey_ranges=ranges) - expected).max())


@pytest.mark.parametrize("kind", ["png", "tif", "tif big-endian", "tif deflate", "tif tiles"])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_colours_of_fewer_bits_in_16_use_all_levels(tmp_path: Path, kind: str, bits: int) -> None:
    white, path = 2**bits - 1, tmp_path / "a.img"
    samples = _colours(white)
    options = {"tif big-endian": {"order": ">"}, "tif deflate": {"compression": DEFLATE}, "tif tiles": {"tile": 16}}
    path.write_bytes(png(samples, 16, 2) if kind == "png" else tiff(samples, **options.get(kind, {})))  # type: ignore[arg-type]
    assert _difference(path, samples * 255.0 / white) <= 1
    assert _difference(path, samples * 255.0 / 65535, _FULL) <= 1
    narrow = GreyRanges(integer=(0, 1500))
    assert _difference(path, np.minimum(255, samples * 255.0 / 1500), narrow) <= 1


def test_colours_that_use_the_whole_range_are_the_high_bytes_as_in_version_0_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = _colours(65535)
    (tmp_path / "a.png").write_bytes(png(samples, 16, 2))
    monkeypatch.setattr(deep_colours, "LOW_BYTES", dict.fromkeys(deep_colours.LOW_BYTES))  # no second pass
    for ranges in (GreyRanges(), _FULL, None):
        assert np.array_equal(decode(tmp_path / "a.png", grey_ranges=ranges), samples // 256)


def test_models_of_version_0_1_get_the_high_bytes_of_dark_colours(tmp_path: Path) -> None:
    samples = _colours(4095)
    (tmp_path / "a.png").write_bytes(png(samples, 16, 2))
    assert np.array_equal(decode(tmp_path / "a.png", grey_ranges=None), samples // 256)


@pytest.mark.parametrize(("colour_type", "channels"), [(4, 2), (6, 4)])
def test_deep_greys_and_colours_with_opacity_use_all_levels(tmp_path: Path, colour_type: int, channels: int) -> None:
    samples = _colours(4095, channels)
    samples[..., -1] = 65535
    samples[0, 0, -1] = 0
    (tmp_path / "a.png").write_bytes(png(samples, 16, colour_type))
    expected = samples[..., :-1] * 255.0 / 4095
    expected[0, 0] = 255
    assert _difference(tmp_path / "a.png", expected) <= 1


def test_an_interlaced_image_has_the_same_colours(tmp_path: Path) -> None:
    white, scene = 4095, _colours(4095)
    (tmp_path / "a.png").write_bytes(png(scene, 16, 2))
    # Eight rows of one pixel are seven passes, of which only the first, third, fifth and seventh have pixels
    column = scene[:8, :1]
    order = [0, 4, 2, 6, 1, 3, 5, 7]
    content = bytearray(png(column[order], 16, 2))
    (tmp_path / "plain.png").write_bytes(png(column, 16, 2))
    content[28] = 1
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    (tmp_path / "interlaced.png").write_bytes(bytes(content))
    assert np.array_equal(decode(tmp_path / "interlaced.png"), decode(tmp_path / "plain.png"))
    assert decode(tmp_path / "plain.png").max() == round(int(column.max()) * 255 / white)


def test_the_extremes_are_those_of_all_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = _colours(4000)
    samples[5, 5] = 0
    (tmp_path / "a.png").write_bytes(png(samples, 16, 2))
    whole = decode_with_header(tmp_path / "a.png")
    monkeypatch.setattr(to_rgb, "STRIP_PIXELS", 30)
    strips = decode_with_header(tmp_path / "a.png")
    assert whole.values is not None
    assert (whole.values.low, whole.values.high) == (0, 4000)
    assert strips.values == whole.values
    assert np.array_equal(strips.pixels, whole.pixels)


def test_8_bits_per_channel_are_no_deep_colours(tmp_path: Path) -> None:
    for mode in ("RGB", "L", "RGBA", "P", "CMYK", "1"):
        Image.new(mode, (4, 4)).save(tmp_path / "a.tif")
        assert decode_with_header(tmp_path / "a.tif").values is None
