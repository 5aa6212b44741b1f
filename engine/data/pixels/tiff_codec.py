"""Decompression of single strips and tiles of TIFF files."""

import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ExifTags import Base

UNCOMPRESSED = 1
CODECS = {5: "LZW", 8: "deflate", 32773: "PackBits", 32946: "deflate", 34925: "LZMA", 50000: "Zstandard"}
"""Compressions that libtiff decodes, by their number in TIFF files."""


def decompress(data: bytes, compression: int, num_rows: int, row_bytes: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of a strip or tile, shape (num_rows, row_bytes).

    libtiff decodes them as a TIFF of its own with one strip of grey bytes, whatever kind of samples they are.

    Args:
        data: The compressed bytes.
        compression: Number of a codec in CODECS, or UNCOMPRESSED.
        num_rows: Number of rows of pixels.
        row_bytes: Size of a row in bytes.

    Raises:
        OSError: The data is damaged or too short, or this build of libtiff lacks the codec.
    """
    if compression == UNCOMPRESSED:
        num_bytes = num_rows * row_bytes
        if len(data) < num_bytes:
            raise OSError("image file is truncated")
        return np.frombuffer(data, np.uint8, num_bytes).reshape(num_rows, row_bytes)
    tags = {
        Base.ImageWidth: row_bytes,
        Base.ImageLength: num_rows,
        Base.BitsPerSample: 8,
        Base.Compression: compression,
        Base.PhotometricInterpretation: 1,
        Base.StripOffsets: 8,
        Base.SamplesPerPixel: 1,
        Base.RowsPerStrip: num_rows,
        Base.StripByteCounts: len(data),
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    padding = bytes(len(data) % 2)
    header = b"II*\0" + struct.pack("<I", 8 + len(data) + len(padding))
    file = io.BytesIO(header + data + padding + struct.pack("<H", len(tags)) + entries + bytes(4))
    with Image.open(file, formats=("TIFF",)) as strip:
        return np.asarray(strip)
