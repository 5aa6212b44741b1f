"""Fingerprint of an image file: hashes, thumbnail, quality measures and camera data, computed in one decode."""

from pathlib import Path
from typing import Any, TypeAlias

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.audit.sample_values import write_values
from engine.core.errors import EngineError
from engine.core.file_digest import file_digest
from engine.data.decode import decode_with_header, unreadable_reason

SIDE = 32
"""Side in pixels of the grey thumbnail that verifies duplicates."""
_WORK_SIDE = 160
"""Shorter side in pixels of the image on which all measures are computed."""
_INNER_CROP = 0.035
"""Fraction cropped from each side before the second hash, which then matches slightly cropped duplicates."""

UNKNOWN_OFFSET = 32767

RECORD = np.dtype(
    [
        ("key", "i8", 4),  # engine.core.file_key; index 1 is the size in bytes
        ("digest", "u8", 2),  # BLAKE2b of the bytes
        ("hashes", "u8", 2),  # perceptual hashes of the whole image and of its inner part
        ("thumbnail", "u1", (SIDE, SIDE)),
        ("width", "u4"),  # in pixels, after EXIF rotation
        ("height", "u4"),
        ("colour", "f4", 3),  # mean red, green, blue, 0..255
        ("brightness", "f4"),  # mean grey, 0..255
        ("contrast", "f4"),  # standard deviation of grey
        ("sharpness", "f4"),  # finest detail divided by the next coarser one; falls with blur
        ("border", "f4", 4),  # width of a plain border as a fraction of height or width: top, bottom, left, right
        ("quality", "i2"),  # JPEG quality, -1 for none
        ("camera", "S48"),
        ("taken", "f8"),  # capture time in seconds since 1970 by the camera's clock, NaN for none
        ("utc_offset", "i2"),  # minutes by which that clock is ahead of UTC, UNKNOWN_OFFSET for unknown
        ("serial_hash", "u2"),  # hash of the serial number of the camera body, 0 for none
        ("samples", "u1"),  # 0: 8 bits per channel, 1: more bits, 2: floats
        ("values", "f8", 3),  # lowest, highest and bright value of more bits or floats
        ("encoding", "f8", 2),  # black and white as the format defines them, NaN for none
        ("display", "f8", 2),  # black and white as the file suggests them, NaN for none
        ("used", "f8", 2),  # black and white of this record
        ("traits", "u1"),  # engine.data.pixels.image_traits.Trait
    ]
)
"""About 1.3 kB per image: 60,000 images take 75 MB."""

Records: TypeAlias = npt.NDArray[np.void]
Grey: TypeAlias = npt.NDArray[np.float32]


def fingerprint(path: Path) -> Records:
    """Return the record of an image file without its key, shape () of RECORD.

    Raises:
        EngineError: The file cannot be read.
    """
    decoded = decode_with_header(path, _WORK_SIDE)
    header, image = decoded.header, Image.fromarray(decoded.pixels)
    scale = _WORK_SIDE / min(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    grey = image.convert("L")
    values = np.asarray(grey, np.float32)
    record = np.zeros((), RECORD)
    record["digest"] = np.frombuffer(_digest(path), np.uint64)
    record["hashes"] = _hash(grey), _hash(_inner(grey))
    record["thumbnail"] = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))
    is_rotated = header.orientation > 4
    record["width"] = header.height if is_rotated else header.width
    record["height"] = header.width if is_rotated else header.height
    record["colour"] = np.asarray(image.resize((1, 1), Image.Resampling.BOX))[0, 0]
    record["brightness"], record["contrast"] = values.mean(), values.std()
    record["sharpness"] = _sharpness(values)
    record["border"] = [_border_fraction(side) for side in (values, values[::-1], values.T, values.T[::-1])]
    record["quality"] = header.quality
    record["camera"] = header.camera.encode("utf-8", "replace")[:48]
    record["taken"] = header.taken
    record["utc_offset"] = UNKNOWN_OFFSET if header.utc_offset is None else header.utc_offset
    record["serial_hash"] = header.serial_hash
    write_values(record, decoded.values)
    record["traits"] = decoded.traits
    return record


def _digest(path: Path) -> bytes:
    try:
        return file_digest(path)
    except OSError as error:
        raise EngineError(unreadable_reason(path, error), path) from error


def empty_records(num_records: int) -> Records:
    """Return zeroed records, shape (num_records,)."""
    return np.zeros(num_records, RECORD)


def _hash(grey: Image.Image) -> int:
    bits: Any = imagehash.phash(grey).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _inner(grey: Image.Image) -> Image.Image:
    across, down = round(grey.width * _INNER_CROP), round(grey.height * _INNER_CROP)
    return grey.crop((across, down, grey.width - across, grey.height - down))


def _sharpness(grey: Grey) -> float:
    """Return the ratio of gradients over one pixel to those over four: near 0 if blurred, about 1 for noise."""
    if min(grey.shape) < 8:
        return 1.0
    fine = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()
    coarse = np.abs(grey[4:] - grey[:-4]).mean() + np.abs(grey[:, 4:] - grey[:, :-4]).mean()
    return float(fine / (coarse + 0.5))


def _border_fraction(rows: Grey) -> float:
    """Return the fraction of rows, counted from the first, that have the colour of the first; 0 without a border."""
    is_plain = (rows.std(1) < 5) & (np.abs(rows.mean(1) - rows[0].mean()) < 8)
    return float(len(rows) if is_plain.all() else np.argmin(is_plain)) / len(rows)
