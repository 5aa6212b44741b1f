"""Image metadata: stored size, JPEG quality, camera and time. GPS positions are never read."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from PIL import Image

_EXIF_IFD = 0x8769
_MAKE, _MODEL, _ORIENTATION, _DATE_TIME, _DATE_TIME_ORIGINAL = 0x010F, 0x0110, 0x0112, 0x0132, 0x9003
_UNKNOWN_QUALITY = -1

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
    """Time of the camera clock in seconds since 1970; NaN if unknown."""


def read_image_header(image: Image.Image) -> ImageHeader:
    """Return the metadata of an opened image, before it is decoded. Only the EXIF tags listed above are read."""
    tags: dict[int, object] = {}
    try:
        exif = image.getexif()
        tags = {tag: exif.get(tag) for tag in (_MAKE, _MODEL, _ORIENTATION, _DATE_TIME)}
        tags[_DATE_TIME_ORIGINAL] = exif.get_ifd(_EXIF_IFD).get(_DATE_TIME_ORIGINAL)
    except Exception:  # noqa: BLE001 - a broken tag must not make the image unreadable
        tags.setdefault(_ORIENTATION, 1)
    orientation = tags.get(_ORIENTATION)
    return ImageHeader(
        image.width,
        image.height,
        orientation if isinstance(orientation, int) else 1,
        _quality(getattr(image, "quantization", None)),
        " ".join(text for text in (_text(tags.get(_MAKE)), _text(tags.get(_MODEL))) if text),
        _seconds(tags.get(_DATE_TIME_ORIGINAL) or tags.get(_DATE_TIME)),
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


def _seconds(value: object) -> float:
    try:
        return datetime.strptime(_text(value)[:19], "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return math.nan
