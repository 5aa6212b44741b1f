"""Tests of counting the scans of a JPEG file."""

import io

import pytest

from engine.data.pixels.jpeg_scans import count_scans
from tests.image_bytes import encode, jpeg_of_three_scans, two_halves
from tests.images import draw_scene


@pytest.mark.parametrize("size", [(16, 16), (700, 500)])
def test_each_scan_of_the_first_image_is_counted(size: tuple[int, int]) -> None:
    plain = encode(draw_scene(0, size), "JPEG", quality=95, restart_marker_rows=1)
    assert count_scans(io.BytesIO(plain)) == 1
    assert count_scans(io.BytesIO(jpeg_of_three_scans(draw_scene(0, size)))) == 3
    progressive = encode(draw_scene(0, size), "JPEG", progressive=True)
    assert count_scans(io.BytesIO(progressive)) == progressive.count(b"\xff\xda") > 2
    assert count_scans(io.BytesIO(plain + bytes(2) + plain)) == 1
    several = encode(two_halves(), "MPO", save_all=True, append_images=[two_halves()] * 2)
    assert several.count(b"\xff\xda") > count_scans(io.BytesIO(several)) == 1


@pytest.mark.parametrize("gap", range(4090, 4102))
def test_a_marker_at_the_border_of_a_block_is_found(gap: int) -> None:
    plain = encode(two_halves(), "JPEG")
    start = plain.index(b"\xff\xda")
    header = start + 2 + int.from_bytes(plain[start + 2 : start + 4], "big")
    content = plain[:header] + bytes(gap) + plain[start:]
    assert count_scans(io.BytesIO(content)) == 2


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe0\0\0\xff", b"\xff" * 9000]
)
def test_damaged_files_have_no_scans(content: bytes) -> None:
    assert count_scans(io.BytesIO(content)) == 0
