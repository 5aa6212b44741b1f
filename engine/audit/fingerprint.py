"""One image file as a compact record: what tells copies, odd pictures and shortcuts, made in one decode."""

import hashlib
from pathlib import Path
from typing import Any, TypeAlias

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.core.errors import EngineError
from engine.core.path_text import path_from_text
from engine.core.safe_read import open_image_file
from engine.data.decode import decode_with_header, unreadable_reason

SIDE = 32
"""Side in pixels of the grey thumbnail that duplicates are verified on."""
_WORK_SIDE = 160
"""Shorter side in pixels of the picture that all figures are measured on."""
_INNER_CROP = 0.035
"""Share cut off each side before the second hash, so that a slightly cropped copy has a hash to be met by."""

RECORD = np.dtype(
    [
        ("key", "i8", 3),  # the file's number, size and time of change
        ("digest", "u8", 2),  # BLAKE2b of the bytes
        ("hashes", "u8", 2),  # perceptual hashes of the whole picture and of its inner part
        ("thumbnail", "u1", (SIDE, SIDE)),
        ("width", "u4"),  # as shown, in pixels
        ("height", "u4"),
        ("colour", "f4", 3),  # mean red, green, blue, 0..255
        ("brightness", "f4"),  # mean grey, 0..255
        ("contrast", "f4"),  # standard deviation of grey
        ("sharpness", "f4"),  # finest detail over the next coarser one; falls with blur
        ("border", "f4", 4),  # share of the height or width that is one plain strip: top, bottom, left, right
        ("quality", "i2"),  # JPEG quality, -1 for none
        ("camera", "S48"),
        ("taken", "f8"),  # seconds since 1970 by the camera's clock, NaN for none
    ]
)
"""About 1.3 kB an image, so 60,000 of them take 75 MB."""

Records: TypeAlias = npt.NDArray[np.void]
Grey: TypeAlias = npt.NDArray[np.float32]


def file_key(path: Path) -> tuple[int, int, int]:
    """Return number, size in bytes and time of change of a file; raise EngineError where it is not there."""
    try:
        status = path_from_text(path).stat()
    except OSError as error:
        raise EngineError(unreadable_reason(path, error), path) from error
    return status.st_ino % 2**63, status.st_size, status.st_mtime_ns


def fingerprint(path: Path) -> Records:
    """Return the record of an image file, shape () of RECORD; raise EngineError where it is no readable image."""
    key = file_key(path)
    pixels, header = decode_with_header(path, _WORK_SIDE)
    image = Image.fromarray(pixels)
    scale = _WORK_SIDE / min(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    grey = image.convert("L")
    values = np.asarray(grey, np.float32)
    record = np.zeros((), RECORD)
    record["key"] = key
    record["digest"] = np.frombuffer(_digest(path), np.uint64)
    record["hashes"] = _hash(grey), _hash(_inner(grey))
    record["thumbnail"] = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))
    is_turned = header.orientation > 4
    record["width"] = header.height if is_turned else header.width
    record["height"] = header.width if is_turned else header.height
    record["colour"] = np.asarray(image.resize((1, 1), Image.Resampling.BOX))[0, 0]
    record["brightness"], record["contrast"] = values.mean(), values.std()
    record["sharpness"] = _sharpness(values)
    record["border"] = [_plain_share(side) for side in (values, values[::-1], values.T, values.T[::-1])]
    record["quality"] = header.quality
    record["camera"] = header.camera.encode("utf-8", "replace")[:48]
    record["taken"] = header.taken
    return record


def _digest(path: Path) -> bytes:
    try:
        with open_image_file(path) as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
    except OSError as error:
        raise EngineError(unreadable_reason(path, error), path) from error


def empty_records(num_records: int) -> Records:
    """Return records to be filled, shape (num_records,)."""
    return np.zeros(num_records, RECORD)


def _hash(grey: Image.Image) -> int:
    bits: Any = imagehash.phash(grey).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _inner(grey: Image.Image) -> Image.Image:
    across, down = round(grey.width * _INNER_CROP), round(grey.height * _INNER_CROP)
    return grey.crop((across, down, grey.width - across, grey.height - down))


def _sharpness(grey: Grey) -> float:
    """Return how strong detail of one pixel is beside detail of two: 0 for a blurred picture, about 1 for noise."""
    if min(grey.shape) < 8:
        return 1.0
    fine = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()
    coarse = np.abs(grey[4:] - grey[:-4]).mean() + np.abs(grey[:, 4:] - grey[:, :-4]).mean()
    return float(fine / (coarse + 0.5))


def _plain_share(rows: Grey) -> float:
    """Return which share of the rows, from the first on, are all of the first one's colour: 0 without a plain edge."""
    is_plain = (rows.std(1) < 5) & (np.abs(rows.mean(1) - rows[0].mean()) < 8)
    return float(len(rows) if is_plain.all() else np.argmin(is_plain)) / len(rows)
