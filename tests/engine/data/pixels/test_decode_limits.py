"""Tests of the limits of image decoding: memory, time and file size."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PIL import Image

from engine.core.errors import EngineError
from engine.core.threads import WeightedSemaphore
from engine.data import decode as decode_module
from engine.data.decode import decode, thumbnail
from engine.data.pixels import decode_limits as module
from tests.image_bytes import encode, jpeg_of_three_scans, tiled_tiff, two_halves


class _RecordingSemaphore(WeightedSemaphore):
    def __init__(self) -> None:
        super().__init__(10**12)
        self.requests: list[int] = []

    def acquire_units(self, amount: int) -> AbstractContextManager[None]:
        self.requests.append(amount)
        return super().acquire_units(amount)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list that receives the memory in bytes that each decoded image reserves."""
    memory = _RecordingSemaphore()
    monkeypatch.setattr(decode_module, "_memory", memory)
    return memory.requests


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image"


def _write_jpeg(path: Path, size: tuple[int, int], **options: object) -> None:
    path.write_bytes(encode(two_halves(size), "JPEG", **options))


@pytest.mark.parametrize(
    ("kind", "bytes_per_pixel"), [("PNG", 10), ("BMP", 10), ("TIFF", 10), ("WEBP", 16), ("JPEG2000", 24), ("AVIF", 12)]
)
def test_each_format_reserves_its_memory_per_pixel(
    path: Path, requests: list[int], kind: str, bytes_per_pixel: int
) -> None:
    path.write_bytes(encode(two_halves((40, 30)), kind))
    decode(path)
    assert requests == [40 * 30 * bytes_per_pixel]


@pytest.mark.parametrize(
    ("min_side", "num_pixels"),
    [(None, 160_000), (400, 160_000), (200, 160_000), (100, 40_000), (50, 10_000), (25, 2_500), (10, 2_500)],
)
def test_a_large_jpeg_reserves_memory_for_twice_the_minimum_side(
    path: Path, requests: list[int], monkeypatch: pytest.MonkeyPatch, min_side: int | None, num_pixels: int
) -> None:
    monkeypatch.setattr(module, "_LARGE_PIXELS", 1000)
    _write_jpeg(path, (400, 400))
    decode(path, min_side)
    assert requests == [num_pixels * 10]


def test_the_memory_of_a_large_jpeg_depends_on_its_shorter_side(
    path: Path, requests: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGE_PIXELS", 1000)
    _write_jpeg(path, (400, 100))
    decode(path, 25)
    assert requests == [400 * 100 // 2**2 * 10]


def test_a_progressive_jpeg_reserves_memory_for_all_its_pixels(
    path: Path, requests: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGE_PIXELS", 1000)
    _write_jpeg(path, (400, 400), progressive=True)
    decode(path, 50)
    assert requests == [160_000 * 10]


def test_a_large_jpeg_with_several_scans_reserves_memory_for_all_its_pixels(
    path: Path, requests: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGE_PIXELS", 1000)
    path.write_bytes(jpeg_of_three_scans(two_halves((400, 400))))
    decode(path, 50)
    assert requests == [160_000 * 10]


def test_scans_in_a_comment_a_thumbnail_or_a_further_image_reserve_no_memory(
    path: Path, requests: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGE_PIXELS", 1000)
    small = encode(two_halves((16, 16)), "JPEG")
    exif = Image.Exif()
    exif[0x010E] = small.decode("latin-1")
    images = {"comment": b"\xff\xda" * 9}, {"exif": exif.tobytes() + small}
    for options in images:
        _write_jpeg(path, (400, 400), **options)
        decode(path, 50)
    path.write_bytes(encode(two_halves((400, 400)), "MPO", save_all=True, append_images=[two_halves((400, 400))]))
    decode(path, 50)
    assert requests == [10_000 * 10] * 3


def test_a_thumbnail_is_decoded_at_reduced_size(
    path: Path, requests: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGE_PIXELS", 1000)
    _write_jpeg(path, (400, 400))
    assert thumbnail(path, 50).shape == (50, 50, 3)
    assert requests == [10_000 * 10]


def test_a_tiff_reserves_memory_for_a_whole_tile(path: Path, requests: list[int]) -> None:
    path.write_bytes(tiled_tiff(64))
    assert decode(path).shape == (32, 32, 3)
    assert requests == [64 * 64 * 10]


def test_a_tiff_with_small_tiles_reserves_memory_for_all_its_pixels(path: Path, requests: list[int]) -> None:
    path.write_bytes(tiled_tiff(16))
    with pytest.raises(EngineError):  # one of four tiles is there
        decode(path)
    assert requests == [32 * 32 * 10]


def test_an_image_may_use_exactly_the_memory_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(encode(two_halves((40, 30)), "PNG"))
    monkeypatch.setattr(module, "MAX_DECODE_BYTES", 12_000)
    assert decode(path).shape == (30, 40, 3)
    monkeypatch.setattr(module, "MAX_DECODE_BYTES", 11_999)
    with pytest.raises(EngineError, match=r"^This image is too large: 40 x 30 pixels\.$") as caught:
        decode(path)
    assert caught.value.path == path


def test_a_tile_may_use_exactly_the_memory_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(tiled_tiff(64))
    monkeypatch.setattr(module, "MAX_DECODE_BYTES", 40_960)
    assert decode(path).shape == (32, 32, 3)
    monkeypatch.setattr(module, "MAX_DECODE_BYTES", 40_959)
    with pytest.raises(EngineError, match=r"^This image is too large: its tiles have 64 x 64 pixels\.$"):
        decode(path)


@pytest.mark.parametrize("size", [(100_000, 1), (1, 100_000)])
def test_a_side_may_have_100_000_pixels(path: Path, size: tuple[int, int]) -> None:
    path.write_bytes(encode(Image.new("1", size), "PNG"))
    assert decode(path).shape == (*size[::-1], 3)


@pytest.mark.parametrize("size", [(100_001, 1), (1, 100_001)])
def test_an_image_with_a_longer_side_is_rejected(path: Path, size: tuple[int, int]) -> None:
    path.write_bytes(encode(Image.new("1", size), "PNG"))
    with pytest.raises(EngineError, match=f"^This image is too large: {size[0]} x {size[1]} pixels\\.$"):
        decode(path)


def test_a_file_above_the_size_limit_is_rejected(path: Path) -> None:
    path.write_bytes(encode(two_halves(), "PNG"))
    os.truncate(path, 4 * 1024**3)
    assert decode(path).shape == (32, 48, 3)
    os.truncate(path, 4 * 1024**3 + 1)
    with pytest.raises(EngineError, match=r"^This image file is too large: 4\.3 GB\.$"):
        decode(path)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "JPEG2000"])
def test_a_large_file_of_a_format_that_is_read_as_a_whole_is_rejected(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path.write_bytes(encode(two_halves(), kind))
    monkeypatch.setattr(module, "_MAX_UNSTREAMED_FILE_BYTES", path.stat().st_size)
    assert decode(path).shape == (32, 48, 3)
    monkeypatch.setattr(module, "_MAX_UNSTREAMED_FILE_BYTES", path.stat().st_size - 1)
    with pytest.raises(EngineError):
        decode(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", "ICO", "TGA"])
def test_a_large_file_of_a_streamed_format_is_decoded(path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path.write_bytes(encode(two_halves(), kind))
    monkeypatch.setattr(module, "_MAX_UNSTREAMED_FILE_BYTES", 10)
    assert decode(path).shape[2] == 3


def test_a_large_image_of_a_format_that_is_decoded_slowly_is_rejected(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_SLOW_PIXELS", 4)
    path.write_bytes(b"P3 2 2 255\n" + b"255 0 0 " * 4)
    assert decode(path)[1, 1].tolist() == [255, 0, 0]
    path.write_bytes(b"P3 5 1 255\n" + b"255 0 0 " * 5)
    with pytest.raises(EngineError, match=r"^This image is too large for its file format: 5 x 1 pixels\.$"):
        decode(path)


def test_a_jpeg_whose_scans_take_too_long_is_rejected(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_jpeg(path, (40, 30), progressive=True)
    num_scans = path.read_bytes().count(b"\xff\xda")
    assert num_scans > 2
    monkeypatch.setattr(module, "_MAX_SCANNED_PIXELS", num_scans * (1200 + 50_000))
    assert decode(path).shape == (30, 40, 3)
    monkeypatch.setattr(module, "_MAX_SCANNED_PIXELS", num_scans * (1200 + 50_000) - 1)
    with pytest.raises(EngineError, match=r"^This file has too many parts\.$"):
        decode(path)


@pytest.mark.parametrize(("size", "is_counted"), [((8, 8), True), ((60, 60), False)])
def test_the_scans_of_an_ordinary_jpeg_are_counted_if_the_file_has_more_bytes_than_pixels(
    path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], is_counted: bool
) -> None:
    path.write_bytes(jpeg_of_three_scans(two_halves(size)))
    monkeypatch.setattr(module, "_MAX_SCANNED_PIXELS", 1)
    if is_counted:
        with pytest.raises(EngineError, match="too many parts"):
            decode(path)
    else:
        assert decode(path).shape == (*size, 3)


def test_the_scans_of_a_jpeg_with_several_images_are_limited_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(encode(two_halves((8, 8)), "MPO", save_all=True, append_images=[two_halves((8, 8))]))
    assert decode(path).shape == (8, 8, 3)
    monkeypatch.setattr(module, "_MAX_SCANNED_PIXELS", 1)
    with pytest.raises(EngineError, match="too many parts"):
        decode(path)
