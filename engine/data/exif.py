"""What an image file says of itself beside its pixels: size, JPEG quality, camera, time. Places are never read."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from PIL import Image

_EXIF_IFD = 0x8769
_MAKE, _MODEL, _ORIENTATION, _CHANGED, _TAKEN = 0x010F, 0x0110, 0x0112, 0x0132, 0x9003
_NO_QUALITY = -1

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
    """Facts of an opened image. Width and height are those stored, before it is turned by its EXIF tag."""

    width: int
    height: int
    orientation: int
    """1 to 8 as EXIF counts; from 5 on, width and height change places when the picture is shown."""
    quality: int
    """JPEG quality 1..100 as the common encoder counts it; -1 where the file is no JPEG."""
    camera: str
    """Maker and model; empty where unknown."""
    taken: float
    """Seconds since 1970 of the camera's clock; NaN where unknown."""


def read_image_header(image: Image.Image) -> ImageHeader:
    """Return the facts of an image that was opened and not decoded yet. Of EXIF only the tags named above are read."""
    tags: dict[int, object] = {}
    try:
        exif = image.getexif()
        tags = {tag: exif.get(tag) for tag in (_MAKE, _MODEL, _ORIENTATION, _CHANGED)}
        tags[_TAKEN] = exif.get_ifd(_EXIF_IFD).get(_TAKEN)
    except Exception:  # noqa: BLE001 - a broken tag must not cost the picture
        tags.setdefault(_ORIENTATION, 1)
    orientation = tags.get(_ORIENTATION)
    return ImageHeader(
        image.width,
        image.height,
        orientation if isinstance(orientation, int) else 1,
        _quality(getattr(image, "quantization", None)),
        " ".join(text for text in (_text(tags.get(_MAKE)), _text(tags.get(_MODEL))) if text),
        _seconds(tags.get(_TAKEN) or tags.get(_CHANGED)),
    )


def _quality(tables: dict[int, list[int]] | None) -> int:
    """Estimate the quality from the luminance table, by inverting the scaling of the Independent JPEG Group's encoder.

    There a quality q below 50 scales the standard table by 50 / q and one above by 2 - q / 50.
    """
    table = np.asarray((tables or {}).get(0, ()))
    if table.size != _STANDARD_TABLE.size:
        return _NO_QUALITY
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
