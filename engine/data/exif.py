"""Image metadata: stored size, JPEG quality, camera and time. GPS positions are never read."""

import hashlib
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from PIL import Image

_EXIF_IFD = 0x8769
_MAKE, _MODEL, _ORIENTATION, _SOFTWARE, _DATE_TIME = 0x010F, 0x0110, 0x0112, 0x0131, 0x0132
_DATE_TIME_ORIGINAL, _DATE_TIME_DIGITIZED, _SUBSECONDS, _UTC_OFFSET = 0x9003, 0x9004, 0x9291, 0x9011
_FILE_SOURCE, _BODY_SERIAL_NUMBER = 0xA300, 0xA431
_MAIN_TAGS = (_MAKE, _MODEL, _ORIENTATION, _SOFTWARE, _DATE_TIME)
_PHOTO_TAGS = (
    *(_DATE_TIME_ORIGINAL, _DATE_TIME_DIGITIZED, _SUBSECONDS, _UTC_OFFSET),
    *(_FILE_SOURCE, _BODY_SERIAL_NUMBER),
)
_UNKNOWN_QUALITY = -1
_SCANNED = (b"\x01", b"\x02", 1, 2)
"""Values of the EXIF tag FileSource for transparency and print scanners."""
_SCANNER_NAME = re.compile(r"scan|perfection|plustek|microtek|reflecta", re.IGNORECASE)
_PLACEHOLDER_SERIALS = frozenset(("unknown", "none", "null", "undefined", "default", "serialnumber", "serial", "test"))
_COUNTING = "0123456789012345678901234567890"

# The luminance table of the JPEG standard (ITU-T T.81, annex K.1), row by row
_STANDARD_TABLE = np.array(
    (
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    )
)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Metadata of an image. Width and height are those of the file, before rotation by the EXIF orientation."""

    width: int
    height: int
    orientation: int
    """EXIF orientation, 1 to 8; from 5 on, width and height are swapped for display."""
    quality: int
    """Estimated JPEG quality, 1..100 as in libjpeg; -1 for other formats."""
    camera: str
    """Maker and model; empty if unknown."""
    taken: float
    """Time of the camera clock in seconds since 1970, local time; NaN if unknown."""
    utc_offset: int | None = None
    """Minutes by which the camera clock is ahead of UTC; None if unknown."""
    serial_hash: int = 0
    """16-bit hash of the serial number of the camera body; 0 if unknown."""


def read_image_header(image: Image.Image) -> ImageHeader:
    """Return the metadata of an opened image, before it is decoded. Only the EXIF tags listed above are read."""
    tags: dict[int, object] = {}
    try:
        exif = image.getexif()
        tags = {tag: exif.get(tag) for tag in _MAIN_TAGS}
        photo = exif.get_ifd(_EXIF_IFD)
        tags |= {tag: photo.get(tag) for tag in _PHOTO_TAGS}
    except Exception:  # noqa: BLE001 - a broken tag must not make the image unreadable
        tags.setdefault(_ORIENTATION, 1)
    orientation = tags.get(_ORIENTATION)
    camera = " ".join(text for text in (_text(tags.get(_MAKE)), _text(tags.get(_MODEL))) if text)
    return ImageHeader(
        image.width,
        image.height,
        orientation if isinstance(orientation, int) else 1,
        _quality(getattr(image, "quantization", None)),
        camera,
        _capture_time(tags, camera),
        _minutes(tags.get(_UTC_OFFSET)),
        _hash_serial_number(tags.get(_BODY_SERIAL_NUMBER), camera),
    )


def _quality(tables: dict[int, list[int]] | None) -> int:
    """Estimate the JPEG quality from the luminance table.

    This inverts the scaling of libjpeg, which multiplies the standard table by 50 / q for a quality q below 50 and by
    2 - q / 50 above.
    """
    table = np.asarray((tables or {}).get(0, ()))
    if table.size != _STANDARD_TABLE.size:
        return _UNKNOWN_QUALITY
    scale = float(np.mean(table / _STANDARD_TABLE))
    quality = (2 - scale) * 50 if scale <= 1 else 50 / scale
    return min(100, max(1, round(quality)))


def _text(value: object) -> str:
    return value.replace("\0", " ").strip() if isinstance(value, str) else ""


def _capture_time(tags: dict[int, object], camera: str) -> float:
    """Return the capture time in seconds; NaN if the file only has the time of a scan or of a later change."""
    for tag in (_DATE_TIME_ORIGINAL, _DATE_TIME_DIGITIZED):
        seconds = _seconds(tags.get(tag))
        if not math.isnan(seconds) and not _is_scanned(tags, camera):
            return seconds + _fraction(tags.get(_SUBSECONDS))
    if _text(tags.get(_SOFTWARE)) or _is_scanned(tags, camera):
        return math.nan
    return _seconds(tags.get(_DATE_TIME))


def _is_scanned(tags: dict[int, object], camera: str) -> bool:
    return tags.get(_FILE_SOURCE) in _SCANNED or _SCANNER_NAME.search(camera) is not None


def _seconds(value: object) -> float:
    try:
        text = _text(value)[:19].replace("-", ":").replace("T", " ")
        return datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def _fraction(value: object) -> float:
    digits = _text(value)
    return float(f"0.{digits}") if digits.isascii() and digits.isdigit() else 0.0


def _minutes(value: object) -> int | None:
    """Return the minutes of an offset such as "+02:00"."""
    match = re.fullmatch(r"([+-])(\d\d):(\d\d)", _text(value), re.ASCII)
    if match is None:
        return None
    minutes = 60 * int(match[2]) + int(match[3])
    return -minutes if match[1] == "-" else minutes


def _hash_serial_number(value: object, camera: str) -> int:
    """Return a hash of 16 bits, 1..65535; 0 if the number is missing or a placeholder such as "0000000".

    So few bits distinguish the cameras of one dataset, but do not identify a camera.
    """
    text = _text(value).casefold()
    number = "".join(character for character in text if character.isalnum())
    is_placeholder = len(set(number)) < 2 or len(number) < 3 or number in _PLACEHOLDER_SERIALS or number in _COUNTING
    if is_placeholder:
        return 0
    digest = hashlib.blake2b(f"{camera}\0{text}".encode("utf-8", "replace"), digest_size=2).digest()
    return int.from_bytes(digest, "big") or 1
