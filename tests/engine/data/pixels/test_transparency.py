"""Tests that pictures on a transparent ground stay visible."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.data.decode import decode, decode_with_header
from engine.data.pixels import to_rgb
from engine.data.pixels.image_traits import Trait
from tests.image_bytes import png, png_chunk
from tests.tiff_bytes import tiff

WHITE, BLACK = [255, 255, 255], [0, 0, 0]


def _drawing(colour: tuple[int, ...], mode: str = "RGBA") -> Image.Image:
    image = Image.new("RGBA", (40, 40), (*WHITE, 0) if sum(colour) > 380 else (*BLACK, 0))
    ImageDraw.Draw(image).line((5, 5, 35, 35), (*colour, 255), 4)
    return image.convert(mode)


@pytest.mark.parametrize(
    ("colour", "ground"),
    [
        ((255, 255, 255), BLACK),
        ((240, 240, 235), BLACK),
        ((0, 0, 0), WHITE),
        ((128, 128, 128), WHITE),
        ((255, 255, 0), WHITE),
        ((200, 40, 40), WHITE),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".ico"])
def test_a_drawing_of_any_colour_on_a_transparent_ground_is_visible(
    tmp_path: Path, colour: tuple[int, int, int], ground: list[int], suffix: str
) -> None:
    options = {".webp": {"lossless": True}, ".ico": {"sizes": [(40, 40)]}}.get(suffix, {})
    _drawing(colour).save(tmp_path / f"drawing{suffix}", **options)
    pixels = decode(tmp_path / f"drawing{suffix}")
    height, width, _ = pixels.shape
    assert pixels[height // 8, width * 7 // 8].tolist() == ground
    assert np.abs(pixels[height // 2, width // 2].astype(int) - colour).max() <= 2
    assert np.abs(np.subtract(colour, ground)).max() >= 32


@pytest.mark.parametrize(("mode", "grey"), [("LA", 255), ("LA", 0), ("P", 255), ("P", 0)])
def test_grey_and_palette_drawings_are_visible_too(tmp_path: Path, mode: str, grey: int) -> None:
    if mode == "LA":
        _drawing((grey,) * 3, "LA").save(tmp_path / "a.png")
    else:
        image = Image.new("P", (40, 40), 0)
        image.putpalette([grey] * 3 + [grey] * 3)
        ImageDraw.Draw(image).line((5, 5, 35, 35), 1, 4)
        image.save(tmp_path / "a.png", transparency=0)
    pixels = decode(tmp_path / "a.png")
    assert pixels[20, 20].tolist() == [grey] * 3
    assert pixels[5, 35].tolist() == [255 - grey] * 3


def test_a_soft_white_drawing_is_lighter_than_its_ground(tmp_path: Path) -> None:
    alpha = np.zeros((20, 20), np.uint8)
    alpha[5:15, 5:15] = 60
    image = Image.new("L", (20, 20), 255)
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "glow.png")
    pixels = decode(tmp_path / "glow.png")
    assert (pixels[10, 10].tolist(), pixels[0, 0].tolist()) == ([60] * 3, BLACK)


def test_a_photo_with_cut_out_surroundings_stays_on_white(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(60, 200, (30, 30, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    mask = Image.new("L", (30, 30))
    ImageDraw.Draw(mask).ellipse((5, 5, 25, 25), 255)
    image.putalpha(mask)
    image.save(tmp_path / "photo.png")
    assert decode(tmp_path / "photo.png")[0, 0].tolist() == WHITE


def test_the_ground_is_that_of_the_whole_picture_and_not_of_a_strip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((10, 10, 4), np.uint8)
    pixels[:7, 2:8] = 255
    pixels[7:, 2:8, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    monkeypatch.setattr(to_rgb, "STRIP_PIXELS", 10)
    assert (decode(tmp_path / "a.png")[:, 0] == 0).all()


def test_models_of_version_0_1_see_every_picture_on_white(tmp_path: Path) -> None:
    _drawing((255, 255, 255)).save(tmp_path / "a.png")
    assert (decode(tmp_path / "a.png", grey_ranges=None) == 255).all()


def test_a_fully_transparent_picture_is_white_and_named(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (10, 20, 30, 0)).save(tmp_path / "a.png")
    decoded = decode_with_header(tmp_path / "a.png")
    assert (decoded.pixels == 255).all()
    assert decoded.traits == Trait.INVISIBLE


def test_an_alpha_channel_that_hides_nothing_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(to_rgb, "choose_ground", None)  # no second pass over the pixels
    noise = np.random.default_rng(0).integers(0, 255, (30, 30, 4), dtype=np.uint8)
    noise[..., 3] = 255
    Image.fromarray(noise).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png"), noise[..., :3])


def test_the_transparent_value_of_one_bit_is_found(tmp_path: Path) -> None:
    samples = np.array([[[0], [1], [0]]], np.uint16)
    (tmp_path / "a.png").write_bytes(png(samples, 1, 0, png_chunk(b"tRNS", b"\0\1")))
    assert decode(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255, 0]
    (tmp_path / "a.png").write_bytes(png(1 - samples, 1, 0, png_chunk(b"tRNS", b"\0\1")))
    assert decode(tmp_path / "a.png")[0, :, 0].tolist() == [255, 0, 255]


@pytest.mark.parametrize(("bits", "transparent"), [(2, 1), (4, 5), (8, 85), (16, 21845)])
def test_a_transparent_middle_grey_becomes_white(tmp_path: Path, bits: int, transparent: int) -> None:
    samples = np.array([[[0], [transparent], [2 * transparent]]], np.uint16)
    chunk = png_chunk(b"tRNS", struct.pack(">H", transparent))
    (tmp_path / "a.png").write_bytes(png(samples, bits, 0, chunk))
    assert decode(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255, 170]


def test_a_transparent_colour_of_16_bits_is_compared_exactly(tmp_path: Path) -> None:
    samples = np.array([[[500, 0, 65535], [501, 0, 65535], [0, 30000, 0]]], np.uint16)
    chunk = png_chunk(b"tRNS", struct.pack(">HHH", 500, 0, 65535))
    (tmp_path / "a.png").write_bytes(png(samples, 16, 2, chunk))
    assert decode(tmp_path / "a.png")[0, :2].tolist() == [WHITE, [2, 0, 255]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_opacity_in_a_tiff_is_used(tmp_path: Path, dtype: type) -> None:
    opaque = 1 if dtype is np.float32 else np.iinfo(dtype).max
    samples = np.zeros((2, 2, 4), dtype)
    samples[0, 0] = opaque
    (tmp_path / "a.tif").write_bytes(tiff(samples, tags={338: 2}))
    assert decode(tmp_path / "a.tif")[:, :, 0].tolist() == [[255, 0], [0, 0]]
