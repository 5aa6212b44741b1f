"""Tests of image decoding."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from engine.core.errors import EngineError
from engine.data.decode import decode, decode_with_header, thumbnail
from tests.images import draw_scene

WHITE = (255, 255, 255)


def _save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def _corners(width: int = 24, height: int = 16) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    image.paste((255, 0, 0), (0, 0, width // 2, height // 2))
    return image


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_of_all_exif_orientations_are_turned_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = _corners()
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_with_header(_save(stored, tmp_path / f"photo{suffix}", exif=exif))
    size = decoded.header.width, decoded.header.height
    assert np.array_equal(decoded.pixels, np.asarray(upright))
    assert (size[::-1] if decoded.header.orientation > 4 else size) == upright.size


def test_transparent_areas_become_white(tmp_path: Path) -> None:
    path = _save(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), tmp_path / "clear.png")
    assert tuple(decode(path)[0, 0]) == WHITE


def test_half_transparent_areas_become_lighter(tmp_path: Path) -> None:
    path = _save(Image.new("RGBA", (4, 4), (255, 0, 0, 102)), tmp_path / "glass.png")
    assert decode(path)[0, 0].tolist() == [255, 153, 153]


def test_transparent_areas_of_a_grey_image_become_white(tmp_path: Path) -> None:
    path = _save(Image.new("LA", (4, 4), (10, 0)), tmp_path / "clear.png")
    assert tuple(decode(path)[0, 0]) == WHITE


def test_a_transparent_palette_colour_becomes_white(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    path = _save(image, tmp_path / "palette.png", transparency=0)
    assert tuple(decode(path)[0, 0]) == WHITE
    assert tuple(decode(path)[0, 1]) == (200, 100, 50)


def test_cmyk_is_converted_to_rgb(tmp_path: Path) -> None:
    path = _save(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), tmp_path / "print.jpg", quality=95)
    red, green, blue = decode(path)[4, 4].tolist()
    assert red > 200
    assert max(green, blue) < 60


def test_one_bit_images_become_black_and_white(tmp_path: Path) -> None:
    image = Image.new("1", (2, 1), 0)
    image.putpixel((1, 0), 1)
    assert decode(_save(image, tmp_path / "fax.png"))[0, :, 1].tolist() == [0, 255]


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_the_first_frame_of_an_animation_is_decoded(tmp_path: Path, suffix: str) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    path = tmp_path / f"film{suffix}"
    first.save(path, save_all=True, append_images=[second], lossless=True)
    assert decode(path)[4, 4, 0] > 200


def test_the_format_is_detected_by_content_and_not_by_suffix(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    _corners().save(path, format="PNG")
    assert np.array_equal(decode(path), np.asarray(_corners()))


def test_avif_is_decoded(tmp_path: Path) -> None:
    assert features.check("avif")
    path = _save(Image.new("RGB", (16, 16), "red"), tmp_path / "photo.avif")
    assert decode(path)[8, 8, 0] > 200


def test_a_small_image_is_not_enlarged(tmp_path: Path) -> None:
    path = _save(Image.new("RGB", (30, 20)), tmp_path / "small.jpg")
    assert decode(path, min_side=100).shape == (20, 30, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_truncated_image_is_rejected_even_when_reduced(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    path = _save(Image.fromarray(noise), tmp_path / f"cut{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    for min_side in (None, 32):
        with pytest.raises(EngineError):
            decode(path, min_side)


@pytest.mark.parametrize(("size", "box"), [((31, 10), (10, 0, 20, 10)), ((10, 31), (0, 10, 10, 20))])
def test_a_thumbnail_is_the_central_square(
    tmp_path: Path, size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    scene = draw_scene(0, size)
    path = _save(scene, tmp_path / "long.png")
    assert np.array_equal(thumbnail(path, 10), np.asarray(scene.crop(box)))


def test_a_thumbnail_has_the_requested_side(tmp_path: Path) -> None:
    path = _save(_corners(300, 100), tmp_path / "wide.png")
    small = thumbnail(path, 20)
    assert (small.shape, small.dtype) == ((20, 20, 3), np.uint8)
    assert [small[1, 1].tolist(), small[1, 18].tolist()] == [[255, 0, 0], [255, 255, 255]]


def test_the_header_describes_the_stored_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 6, "Model 1"
    decoded = decode_with_header(_save(_corners(), tmp_path / "photo.jpg", exif=exif, quality=80))
    header = decoded.header
    assert decoded.pixels.shape == (24, 16, 3)
    assert (header.width, header.height, header.orientation, header.camera) == (24, 16, 6, "Model 1")


def test_pixels_that_were_turned_are_contiguous(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(_save(_corners(), tmp_path / "photo.png", exif=exif)).flags.c_contiguous


def test_phone_photos_of_hand_signs_are_turned_upright(shared: Path) -> None:
    num_turned = 0
    for path in (shared / "data" / "sign_digits" / "7").iterdir():
        with Image.open(path) as stored:
            if stored.getexif().get(0x0112, 1) in (6, 8):
                num_turned += 1
                assert decode(path).shape[:2] == (stored.width, stored.height)
    assert num_turned
