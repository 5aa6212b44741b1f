"""Tests of image metadata."""

import io
import math
from datetime import UTC, datetime

import pytest
from PIL import Image

from engine.data.exif import ImageHeader, read_image_header
from tests.images import draw_scene

_GPS = 0x8825


def _saved(**settings: object) -> ImageHeader:
    file = io.BytesIO()
    draw_scene(0).save(file, **settings)
    return read_image_header(Image.open(file))


@pytest.mark.parametrize("quality", [20, 49, 60, 75, 92, 100])
def test_the_quality_of_a_jpeg_is_estimated_within_two(quality: int) -> None:
    assert abs(_saved(format="JPEG", quality=quality).quality - quality) <= 2


def test_a_png_without_exif_has_unknown_metadata() -> None:
    header = _saved(format="PNG")
    assert (header.quality, header.camera, header.orientation) == (-1, "", 1)
    assert math.isnan(header.taken)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker\0", "Model 1", 6
    exif.get_ifd(0x8769)[0x9003] = "2020:05:04 03:02:01"
    exif.get_ifd(_GPS)[1] = "N"
    return exif


def test_camera_and_time_are_read() -> None:
    header = _saved(format="JPEG", exif=_exif())
    assert (header.camera, header.orientation) == ("Maker Model 1", 6)
    assert header.taken == datetime(2020, 5, 4, 3, 2, 1, tzinfo=UTC).timestamp()


def test_the_gps_position_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    draw_scene(0).save(file, "JPEG", exif=_exif())
    requested: list[int] = []
    original = Image.Exif.get_ifd
    monkeypatch.setattr(Image.Exif, "get_ifd", lambda exif, tag: requested.append(tag) or original(exif, tag))
    read_image_header(Image.open(file))
    assert requested
    assert _GPS not in requested


def test_an_invalid_time_is_unknown() -> None:
    exif = _exif()
    exif.get_ifd(0x8769)[0x9003] = "0000:00:00 00:00:00"
    assert math.isnan(_saved(format="JPEG", exif=exif).taken)
