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


def _header(main: dict[int, object], photo: dict[int, object]) -> ImageHeader:
    exif = Image.Exif()
    exif.update(main)
    exif.get_ifd(0x8769).update(photo)
    return _saved(format="JPEG", exif=exif)


_MORNING = datetime(2024, 5, 1, 6, tzinfo=UTC).timestamp()
_ORIGINAL, _DATE_TIME, _SOFTWARE = 0x9003, 0x0132, 0x0131


@pytest.mark.parametrize(
    ("main", "photo", "taken"),
    [
        pytest.param({}, {_ORIGINAL: "2024:05:01 06:00:00", 0x9291: "25"}, _MORNING + 0.25, id="subseconds"),
        pytest.param({}, {_ORIGINAL: "2024:05:01 06:00:00", 0x9291: "x"}, _MORNING, id="invalid subseconds"),
        pytest.param({}, {_ORIGINAL: "2024-05-01T06:00:00"}, _MORNING, id="ISO 8601"),
        pytest.param({}, {0x9004: "2024:05:01 06:00:00"}, _MORNING, id="only the time of digitizing"),
        pytest.param({_DATE_TIME: "2024:05:01 06:00:00"}, {}, _MORNING, id="only the time of the file"),
        pytest.param({_DATE_TIME: "2024:05:01 06:00:00", _SOFTWARE: "Editor 3"}, {}, math.nan, id="saved by an editor"),
        pytest.param({0x110: "CanoScan 9000F"}, {_ORIGINAL: "2024:05:01 06:00:00"}, math.nan, id="scanner by name"),
        pytest.param({}, {_ORIGINAL: "2024:05:01 06:00:00", 0xA300: b"\2"}, math.nan, id="scanner by its tag"),
        pytest.param({}, {_ORIGINAL: "    :  :     :  :  "}, math.nan, id="blank"),
    ],
)
def test_the_capture_time_is_that_of_the_shot(main: dict[int, object], photo: dict[int, object], taken: float) -> None:
    assert _header(main, photo).taken == pytest.approx(taken, nan_ok=True)


@pytest.mark.parametrize(("text", "minutes"), [("+05:30", 330), ("-03:00", -180), ("Z", None), ("", None)])
def test_the_offset_of_the_camera_clock_is_read_in_minutes(text: str, minutes: int | None) -> None:
    assert _header({}, {0x9011: text}).utc_offset == minutes


def test_the_serial_number_is_kept_only_as_a_short_hash_that_depends_on_the_camera() -> None:
    hashes = [_header({0x110: model}, {0xA431: number}).serial_hash for model in "AB" for number in ("031007", "44120")]
    assert len(set(hashes)) == 4
    assert all(0 < number < 2**16 for number in hashes)


@pytest.mark.parametrize("number", ["", "0000000", "0", "11111", "Unknown", "N/A", "123456789", "-----"])
def test_a_placeholder_is_not_a_serial_number(number: str) -> None:
    assert _header({}, {0xA431: number}).serial_hash == 0
