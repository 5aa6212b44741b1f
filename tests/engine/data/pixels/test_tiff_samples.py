"""Tests of TIFF files whose samples Pillow does not decode: they are read, or refused with a sentence."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine.core.errors import EngineError
from engine.data.decode import decode, decode_with_header
from engine.data.pixels.grey_range import GreyRanges
from engine.data.pixels.image_traits import Trait
from tests.tiff_bytes import DEFLATE, LZMA, LZW, MIN_IS_WHITE, PACK_BITS, ZSTANDARD, tiff

_RAMP = np.linspace(0, 1, 24 * 16).reshape(16, 24)
_GREY = np.round(_RAMP * 255)


def _samples(name: str) -> npt.NDArray[np.generic]:
    dtype = np.dtype(name)
    return np.round(_RAMP * min(4095, np.iinfo(dtype).max)).astype(dtype) if dtype.kind in "ui" else _RAMP.astype(dtype)


def _difference(path: Path, content: bytes, expected: npt.NDArray[np.generic]) -> int:
    path.write_bytes(content)
    return int(np.abs(decode(path) - (expected if expected.ndim == 3 else expected[..., None])).max())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int16", "uint32", "int32", "uint64", "float16", "float32", "float64"]
)
def test_every_type_of_sample_is_read_in_every_arrangement(tmp_path: Path, dtype: str, order: str) -> None:
    path, samples = tmp_path / "a.tif", _samples(dtype)
    colours = np.stack([samples, samples[::-1], samples[:, ::-1]], 2)
    expected = np.stack([_GREY, _GREY[::-1], _GREY[:, ::-1]], 2)
    more = np.concatenate([colours, samples[..., None], samples[..., None]], 2)
    assert _difference(path, tiff(samples, order=order), _GREY) <= 1
    for planar in (False, True):
        assert _difference(path, tiff(colours, order=order, planar=planar), expected) <= 1
        assert _difference(path, tiff(more, order=order, planar=planar), expected) <= 1
        for options in ({"rows_per_strip": 5}, {"tile": 16}, {"compression": DEFLATE}):
            assert _difference(path, tiff(colours, order=order, planar=planar, **options), expected) <= 1
    assert _difference(path, tiff(samples, order=order, tags={262: MIN_IS_WHITE}), 255 - _GREY) <= 1


@pytest.mark.parametrize("compression", [LZW, DEFLATE, PACK_BITS, LZMA, ZSTANDARD])
def test_compressed_samples_are_read(tmp_path: Path, compression: int) -> None:
    for name in ("float16", "float64"):
        for options in ({"rows_per_strip": 5}, {"tile": 16}):
            content = tiff(_samples(name), compression=compression, **options)
            assert _difference(tmp_path / "a.tif", content, _GREY) <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
def test_samples_of_odd_bits_are_read_packed_and_in_two_bytes(tmp_path: Path, bits: int, order: str) -> None:
    white, path = 2**bits - 1, tmp_path / "a.tif"
    samples = np.round(_RAMP[:, :23] * white).astype(np.uint16)
    digits = np.unpackbits(samples.astype(">u2")[..., None].view(np.uint8), axis=-1)[..., -bits:]
    packed = np.packbits(digits.reshape(16, -1), axis=1)
    expected = samples[..., None] * 255.0 / white
    for content in (
        tiff(packed, order=order, tags={256: 23, 258: bits}),
        tiff(packed, order=order, rows_per_strip=5, compression=LZW, tags={256: 23, 258: bits}),
        tiff(samples, order=order, tags={258: bits}),
        tiff(samples, order=order, rows_per_strip=5, tags={258: bits}),
    ):
        path.write_bytes(content)
        decoded = decode_with_header(path)
        assert np.abs(decoded.pixels - expected).max() <= 1
        assert decoded.values is not None
        assert decoded.values.encoding == (0, white)


def test_signed_bytes_are_not_taken_for_unsigned_ones(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(np.array([[-128, -1, 127]], np.int8)))
    assert decode(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 127, 255]


def test_the_upper_half_of_unsigned_32_bits_is_not_negative(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(np.array([[0, 2**31, 2**32 - 1]], np.uint32)))
    assert decode(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 128, 255]


def test_differences_to_the_left_are_summed_up(tmp_path: Path) -> None:
    values = np.array([[[10, 60000, 3, 9, 9], [20, 50000, 6, 9, 9], [5, 65535, 9, 9, 9]]], np.uint16)
    differences = np.diff(values, axis=1, prepend=np.zeros((1, 1, 5), np.uint16))
    (tmp_path / "a.tif").write_bytes(tiff(differences, compression=DEFLATE, tags={317: 2}))
    pixels = decode(tmp_path / "a.tif", grey_ranges=GreyRanges(integer=(0, 65535)))
    assert np.array_equal(pixels, np.round(values[..., :3] / 257))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_sorted_bytes_of_floats_are_put_together(tmp_path: Path, dtype: type) -> None:
    values = np.array([[[0.0, 0.5, 1.0], [1.0, 0.25, 0.75]]], dtype)
    big_endian = values.astype(values.dtype.newbyteorder(">")).reshape(1, -1)
    sorted_bytes = big_endian.view(np.uint8).reshape(1, 6, -1).transpose(0, 2, 1).reshape(1, -1, 3)
    stored = np.diff(sorted_bytes, axis=1, prepend=np.zeros((1, 1, 3), np.uint8)).reshape(1, -1)
    content = tiff(stored.view(values.dtype).reshape(values.shape), compression=DEFLATE, tags={317: 3})
    (tmp_path / "a.tif").write_bytes(content)
    assert decode(tmp_path / "a.tif").tolist() == np.round(values * 255).tolist()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_are_turned_upright(tmp_path: Path, orientation: int) -> None:
    turned = tiff(_samples("float64"), tags={274: orientation}), tiff(_samples("float32"), tags={274: orientation})
    for name, content in zip("ab", turned):
        (tmp_path / f"{name}.tif").write_bytes(content)
    assert np.array_equal(decode(tmp_path / "a.tif"), decode(tmp_path / "b.tif"))  # the second is decoded by Pillow


def test_pages_and_further_channels_are_named(tmp_path: Path) -> None:
    cases = {
        Trait(0): tiff(_samples("float64")),
        Trait.PAGES: tiff(_samples("uint8"), _samples("uint8")[:4]),
        Trait.CHANNELS: tiff(np.stack([_samples("uint16")] * 5, 2)),
        Trait.PAGES | Trait.CHANNELS: tiff(*[np.stack([_samples("uint8")] * 5, 2)] * 2),
    }
    for traits, content in cases.items():
        (tmp_path / "a.tif").write_bytes(content)
        assert decode_with_header(tmp_path / "a.tif").traits == traits


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (tiff(_samples("float64"), compression=34887), "one channel of 64-bit floating-point numbers with LERC compr"),
        (tiff(np.stack([_samples("float32")] * 3, 2), compression=50002), "3 channels of 32-bit .* with JPEG XL"),
        (tiff(_samples("int16"), tags={258: 10}), "one channel of 10-bit signed integers,"),
        (tiff(_samples("uint16"), tags={262: 3}), "16-bit integers with palette colours,"),
        (tiff(_samples("float64"), compression=99), "unknown \\(99\\) compression"),
        (tiff(_RAMP.astype(np.complex64)), "64-bit complex numbers"),
        (tiff(_samples("float64"), tags={339: 9}), "64-bit samples of an unknown type"),
        (tiff(_samples("float64"), compression=DEFLATE, tags={317: 7}), "does not read"),
        (tiff(np.stack([_samples("float64")] * 5, 2), tags={262: 5}), "floating-point numbers with CMYK colours"),
    ],
)
def test_other_samples_are_refused_by_name(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(EngineError, match=f"^This TIFF contains .*{name}.* Save it without compression as 8 or 16"):
        decode(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({256: 100_001}, "This image is too large: 100001 x 16 pixels."),
        ({256: 60_000, 257: 60_000, 278: 60_000}, "This image is too large: 60000 x 60000 pixels."),
        ({278: 4}, "This file is incomplete."),
        ({278: 0}, "This file is damaged or not in a supported image format."),
        ({256: 0}, "This file is damaged or not in a supported image format."),
        ({279: 10}, "This file is incomplete."),
        ({273: 10_000_000}, "This file is incomplete."),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, tags: dict[int, int], sentence: str) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(_samples("float64"), tags=tags))
    with pytest.raises(EngineError) as caught:
        decode(tmp_path / "a.tif")
    assert caught.value.message == sentence


def test_a_strip_that_unpacks_to_more_than_its_size_is_cut(tmp_path: Path) -> None:
    content = tiff(np.zeros((1000, 1000)), compression=DEFLATE, tags={256: 4, 257: 2, 278: 2})
    (tmp_path / "a.tif").write_bytes(content)
    assert decode(tmp_path / "a.tif").shape == (2, 4, 3)
