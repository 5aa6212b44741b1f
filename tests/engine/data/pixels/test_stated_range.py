"""Tests of the range that image files state themselves."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.decode import decode, decode_with_header
from engine.data.pixels.grey_range import GreyRanges, Range
from tests.image_bytes import encode, png, png_chunk
from tests.tiff_bytes import tiff

_GREYS = np.array([[0, 500, 1000]], np.uint16)
_OTHER = GreyRanges(integer=(0, 1000), floating=(0, 1000))


def _twelve_bits() -> bytes:
    """Return a TIFF with two samples of 12 bits in 3 bytes: 0 and 4095."""
    return tiff(np.array([[0, 0x0F, 0xFF]], np.uint8), tags={256: 2, 258: 12})


def _stated(content: bytes, path: Path) -> tuple[Range | None, Range | None]:
    path.write_bytes(content)
    values = decode_with_header(path).values
    assert values is not None
    return values.encoding, values.display


def test_bits_per_sample_of_a_tiff_hold_for_any_dataset(tmp_path: Path) -> None:
    assert _stated(_twelve_bits(), tmp_path / "a.tif") == ((0, 4095), None)
    assert decode(tmp_path / "a.tif", grey_ranges=_OTHER)[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("white", [1000, 1023, 4095, 65535])
def test_the_maximum_of_a_pgm_is_white_for_any_dataset(tmp_path: Path, white: int) -> None:
    values = np.array([0, white // 2, white], ">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 3 1 %d\n" % white + values.tobytes())
    for ranges in (GreyRanges(), _OTHER):
        greys = decode(tmp_path / "a.pgm", grey_ranges=ranges)[0, :, 0].astype(int)
        assert np.abs(greys - [0, 127, 255]).max() <= 1


def test_a_dark_pgm_stays_dark(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 1 1 65535\n" + b"\x0f\xff")
    assert decode(tmp_path / "a.pgm")[0, 0, 0] == 16


@pytest.mark.parametrize(
    ("content", "display"),
    [
        (tiff(_GREYS, tags={281: 4095}), (0, 4095)),
        (tiff(_GREYS, tags={341: 4095}), (0, 4095)),
        (tiff(_GREYS, tags={340: 100, 341: 4095}), (100, 4095)),
        (tiff(_GREYS, tags={280: 0, 281: 1023, 341: 4095}), (0, 4095)),
        (tiff(_GREYS.astype(np.float32), tags={340: -1.5, 341: 2000.5}), (-1.5, 2000.5)),
        (tiff(_GREYS, tags={270: "ImageJ=1.54f\nimages=1\nmin=0.0\nmax=4095.0\n"}), (0, 4095)),
        (tiff(_GREYS, tags={270: "ImageJ=1.54f\nmin=-5\nmax=1e4\n"}), (-5, 10000)),
        (tiff(_GREYS, tags={270: "ImageJ=1.54f\nmin=5\n"}), None),
        (tiff(_GREYS, tags={270: "ImageJ=1.54f\nmin=5\nmax=e\n"}), None),
        (tiff(_GREYS, tags={270: "min=0\nmax=4095\n"}), None),
        (tiff(_GREYS, tags={280: 5, 281: 5}), None),
        (tiff(_GREYS), None),
        (png(_GREYS[..., None], 16, 0, png_chunk(b"sBIT", b"\x0c")), (0, 4095)),
        (png(_GREYS[..., None], 16, 0, png_chunk(b"gAMA", bytes(4)) + png_chunk(b"sBIT", b"\x0e")), (0, 16383)),
        (png(_GREYS[..., None], 16, 0, png_chunk(b"sBIT", b"\x10")), None),
        (png(_GREYS[..., None], 16, 0, png_chunk(b"sBIT", b"")), None),
        (encode(Image.fromarray(_GREYS), "PNG"), None),
    ],
)
def test_limits_for_display_are_read(tmp_path: Path, content: bytes, display: Range | None) -> None:
    assert _stated(content, tmp_path / "a.img") == (None, display)


def test_limits_for_display_are_used_for_a_single_image_that_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(_GREYS, tags={281: 4000}))
    assert decode(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 32, 64]
    assert decode(tmp_path / "a.tif", grey_ranges=_OTHER)[0, :, 0].tolist() == [0, 128, 255]
    (tmp_path / "a.tif").write_bytes(tiff(_GREYS, tags={281: 400}))
    assert decode(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 125, 249]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_low_values_are_white_if_the_file_says_so(tmp_path: Path, dtype: type) -> None:
    white = 1 if dtype is np.float32 else np.iinfo(dtype).max
    (tmp_path / "a.tif").write_bytes(tiff(np.array([[0, white]], dtype), tags={262: 0}))
    assert decode(tmp_path / "a.tif")[0, :, 0].tolist() == [255, 0]
