"""Tests of image fingerprints."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from engine.audit.fingerprint import fingerprint
from engine.core.errors import EngineError
from tests.images import draw_scene, truncate_file


def _hamming(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one["hashes"][0] ^ other["hashes"][0]))


def test_a_recompressed_image_has_a_different_digest_and_a_similar_hash(tmp_path: Path) -> None:
    draw_scene(1).save(tmp_path / "a.png")
    draw_scene(1).save(tmp_path / "b.jpg", quality=60)
    draw_scene(2).save(tmp_path / "c.png")
    one, again, other = (fingerprint(tmp_path / name) for name in ("a.png", "b.jpg", "c.png"))
    assert (one["digest"] != again["digest"]).any()
    assert _hamming(one, again) <= 6
    assert _hamming(one, other) > 12
    assert (int(one["quality"]), int(again["quality"])) == (-1, 60)


def test_width_and_height_are_those_after_exif_rotation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    draw_scene(0, (200, 100)).save(tmp_path / "turned.jpg", exif=exif)
    record = fingerprint(tmp_path / "turned.jpg")
    assert (record["width"], record["height"]) == (100, 200)


def test_blur_lowers_sharpness(tmp_path: Path) -> None:
    draw_scene(0, (500, 400)).save(tmp_path / "a.png")
    draw_scene(0, (500, 400)).filter(ImageFilter.GaussianBlur(8)).save(tmp_path / "b.png")
    sharp, blurred = fingerprint(tmp_path / "a.png")["sharpness"], fingerprint(tmp_path / "b.png")["sharpness"]
    assert blurred < 0.27 < sharp


def test_a_plain_border_is_measured_on_all_four_sides(tmp_path: Path) -> None:
    draw_scene(0, (400, 400)).save(tmp_path / "a.jpg")
    ImageOps.expand(draw_scene(0, (400, 400)), 20, "white").save(tmp_path / "b.jpg")
    assert (fingerprint(tmp_path / "a.jpg")["border"] == 0).all()
    assert fingerprint(tmp_path / "b.jpg")["border"] == pytest.approx([20 / 440] * 4, abs=0.02)


def test_colour_contrast_and_border_of_a_plain_image(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 100, 50)).save(tmp_path / "plain.png")
    record = fingerprint(tmp_path / "plain.png")
    assert record["colour"].tolist() == [200, 100, 50]
    assert record["contrast"] == 0
    assert (record["border"] == 1).all()


def test_a_damaged_or_missing_file_raises_an_error(tmp_path: Path) -> None:
    draw_scene(0).save(tmp_path / "a.png")
    truncate_file(tmp_path / "a.png")
    with pytest.raises(EngineError, match=r"incomplete|damaged"):
        fingerprint(tmp_path / "a.png")
    with pytest.raises(EngineError, match="does not exist"):
        fingerprint(tmp_path / "none.png")
