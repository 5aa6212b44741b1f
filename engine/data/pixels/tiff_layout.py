"""Layout of the samples in a TIFF: type, channels, planes, strips and tiles, from its tags."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL.ExifTags import Base

from engine.core.errors import EngineError
from engine.data.pixels.tiff_codec import CODECS, UNCOMPRESSED

_LETTERS = {1: "u", 2: "i", 3: "f"}
"""Letters of NumPy for the sample formats of TIFF."""
_NAMES = {1: "integers", 2: "signed integers", 3: "floating-point numbers", 5: "complex integers", 6: "complex numbers"}
_SIZES = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}
_OTHER_CODECS = {2: "CCITT", 3: "CCITT", 4: "CCITT", 6: "JPEG", 7: "JPEG", 34712: "JPEG 2000", 34887: "LERC"}
_OTHER_CODECS |= {50001: "WebP", 50002: "JPEG XL"}
_GREY, _RGB = (0, 1), 2
_COLOURS = {3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab", 32803: "camera raw"}
_MAX_CHUNKS = 1_000_000


@dataclass(frozen=True)
class Layout:
    """Types and places of the samples of the first page."""

    width: int
    height: int
    bits: int
    """Bits of one sample; 0 if the channels differ."""
    sample_format: int
    order: str
    """Byte order, "<" or ">"."""
    num_channels: int
    num_colours: int
    """1 for grey, 3 for colours."""
    has_alpha: bool
    """True if the channel after the colours is opacity."""
    photometric: int
    compression: int
    predictor: int
    is_planar: bool
    """True if the channels are stored one after the other."""
    chunk_width: int
    """Width of a tile or strip in pixels."""
    chunk_height: int
    chunks: tuple[tuple[int, int], ...]
    """Offset and size in bytes of all strips or tiles."""

    @property
    def is_odd(self) -> bool:
        """True for integers of 9 to 15 bits, such as those of most scientific cameras."""
        return self.sample_format == 1 and 8 < self.bits < 16

    @property
    def is_packed(self) -> bool:
        """True if samples of 9 to 15 bits follow each other, as TIFF demands. Some programs use 2 bytes for each."""
        return self.is_odd and not (self.compression == UNCOMPRESSED and self._has_two_bytes_per_sample)

    @property
    def _has_two_bytes_per_sample(self) -> bool:
        num_samples = self.chunk_width * min(self.chunk_height, self.height) * self.channels_per_chunk
        return bool(self.chunks) and self.chunks[0][1] >= 2 * num_samples

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples in the file, or after unpacking."""
        return np.dtype(f"{self.order}{_LETTERS[self.sample_format]}{2 if self.is_odd else self.bits // 8}")

    @property
    def num_read(self) -> int:
        """Number of channels that are used, which come first."""
        return self.num_colours + self.has_alpha

    @property
    def channels_per_chunk(self) -> int:
        """Number of channels in each strip or tile."""
        return 1 if self.is_planar else self.num_channels

    @property
    def row_bytes(self) -> int:
        """Size of a row of a strip or tile after decompression."""
        num_samples = self.chunk_width * self.channels_per_chunk
        return -(-num_samples * self.bits // 8) if self.is_packed else num_samples * self.dtype.itemsize

    @property
    def chunk_bytes(self) -> int:
        """Size of a whole strip or tile after decompression."""
        return self.chunk_height * self.row_bytes

    @property
    def num_bytes(self) -> int:
        """Memory needed to read the samples: all of them, and a strip or tile as stored, decompressed and converted."""
        num_copies = 24 if self.is_packed else 3  # bits are unpacked as bytes
        return self.width * self.height * self.num_read * self.dtype.itemsize + num_copies * self.chunk_bytes

    @property
    def chunks_across(self) -> int:
        """Number of tiles side by side."""
        return -(-self.width // self.chunk_width)

    @property
    def chunks_per_plane(self) -> int:
        """Number of strips or tiles of one plane."""
        return self.chunks_across * -(-self.height // self.chunk_height)

    def require_readable(self) -> None:
        """Raise EngineError with a sentence that names the kind of samples if they cannot be read."""
        letter = _LETTERS.get(self.sample_format)
        is_known_type = self.is_odd or (letter is not None and self.bits in _SIZES[letter])
        is_known_photometric = self.photometric in (*_GREY, _RGB)
        is_known_predictor = self.predictor in (1, 0 if self.is_packed else 3 if letter == "f" else 2)
        is_known_compression = self.compression in (UNCOMPRESSED, *CODECS) and is_known_predictor
        if not (is_known_type and is_known_photometric and is_known_compression):
            raise EngineError(
                f"This TIFF contains {self._description}, which Classifold does not read. Save it without compression "
                "as 8 or 16 bits per channel, or as 32-bit floating-point numbers."
            )
        num_planes = self.num_channels if self.is_planar else 1
        if not min(self.width, self.height, self.chunk_width, self.chunk_height, self.num_channels) > 0:
            raise EngineError("This file is damaged or not in a supported image format.")
        if len(self.chunks) < min(self.num_read, num_planes) * self.chunks_per_plane or len(self.chunks) > _MAX_CHUNKS:
            raise EngineError("This file is incomplete.")

    @property
    def _description(self) -> str:
        channels = "one channel" if self.num_channels == 1 else f"{self.num_channels} channels"
        bits = f"{self.bits}-bit " if self.bits else ""
        numbers = f"{channels} of {bits}{_NAMES.get(self.sample_format, 'samples of an unknown type')}"
        if self.photometric not in (*_GREY, _RGB):
            numbers += f" with {_COLOURS.get(self.photometric, 'unknown')} colours"
        if self.compression == UNCOMPRESSED:
            return numbers
        codec = (CODECS | _OTHER_CODECS).get(self.compression, f"unknown ({self.compression})")
        return f"{numbers} with {codec} compression"


def read_layout(tags: Any) -> Layout:
    """Return the layout that the tags of a TIFF describe; it may not be readable, see `Layout.require_readable`.

    Args:
        tags: Pillow's tags of the first page.
    """
    width, height = _number(tags, Base.ImageWidth, 0), _number(tags, Base.ImageLength, 0)
    num_channels = _number(tags, Base.SamplesPerPixel, 1)
    photometric = _number(tags, Base.PhotometricInterpretation, 0)
    all_bits, extra = _numbers(tags, Base.BitsPerSample) or (1,), _numbers(tags, Base.ExtraSamples)
    num_colours = 3 if num_channels >= 3 else 1
    is_tiled = Base.TileOffsets in tags
    rows_per_strip = min(height, _number(tags, Base.RowsPerStrip, height))
    offsets = _numbers(tags, Base.TileOffsets if is_tiled else Base.StripOffsets)
    sizes = _numbers(tags, Base.TileByteCounts if is_tiled else Base.StripByteCounts)
    return Layout(
        width=width,
        height=height,
        bits=all_bits[0] if len(set(all_bits)) == 1 else 0,
        sample_format=(_numbers(tags, Base.SampleFormat) or (1,))[0],
        order="<" if tags.prefix == b"II" else ">",
        num_channels=num_channels,
        num_colours=num_colours,
        has_alpha=num_channels > num_colours and len(extra) == num_channels - num_colours and extra[0] in (1, 2),
        photometric=photometric,
        compression=_number(tags, Base.Compression, 1),
        predictor=_number(tags, Base.Predictor, 1),
        is_planar=_number(tags, Base.PlanarConfiguration, 1) == 2 and num_channels > 1,
        chunk_width=_number(tags, Base.TileWidth, 0) if is_tiled else width,
        chunk_height=_number(tags, Base.TileLength, 0) if is_tiled else rows_per_strip,
        chunks=tuple(zip(offsets, sizes)),
    )


def _numbers(tags: Mapping[int, Any], tag: int) -> tuple[int, ...]:
    value = tags.get(tag, ())
    values = value if isinstance(value, tuple) else (value,)
    return tuple(number for number in values if isinstance(number, int))


def _number(tags: Mapping[int, Any], tag: int, default: int) -> int:
    numbers = _numbers(tags, tag)
    return numbers[0] if numbers else default
