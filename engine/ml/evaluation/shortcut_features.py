"""Shortcut features: properties of an image file that can predict its class without its content."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.audit.fingerprint import Records

FeatureMatrix: TypeAlias = npt.NDArray[np.float64]

_MAX_CAMERAS = 30
_MIN_INFORMEDNESS, _MIN_INFORMEDNESS_OF_COLOUR = 0.5, 0.8


@dataclass(frozen=True)
class ShortcutFeature:
    """One property of N images, as a small matrix that a classifier can be fitted on."""

    name: str
    description: str
    """Completes the sentence "The class can be predicted from ..."."""
    values: FeatureMatrix
    """Shape (N, C)."""
    advice: str
    """Sentence that recommends a remedy."""
    min_informedness: float = _MIN_INFORMEDNESS
    """Youden's J (0: chance, 1: certain) from which the feature is reported as a shortcut."""
    implied_by: tuple[str, ...] = ()
    """Features that cause this one. If one of them is reported, this one is not."""


def shortcut_features(records: Records) -> list[ShortcutFeature]:
    """Return all shortcut features of the images with these fingerprint records."""
    width, height = records["width"].astype(np.float64), records["height"].astype(np.float64)
    num_bytes = records["key"][:, 1].astype(np.float64)
    hour = np.nan_to_num(records["taken"] % 86_400 / 3600, nan=-1.0)
    return [
        ShortcutFeature(
            "JPEG quality",
            "the JPEG quality of the file (or from its not being a JPEG)",
            _column(records["quality"]),
            advice="Save all images with the same format and quality, from the originals if you have them.",
        ),
        ShortcutFeature(
            "border",
            "a plain border around the image",
            records["border"].astype(np.float64),
            advice="Crop the borders.",
        ),
        ShortcutFeature(
            "aspect", "the aspect ratio", _column(width / height), advice="Crop all images to the same aspect ratio."
        ),
        ShortcutFeature(
            "size",
            "the size in pixels",
            np.stack((width, height), 1),
            advice="Resize all images to the same size before training.",
            implied_by=("aspect",),
        ),
        ShortcutFeature(
            "file size",
            "the file size per pixel",
            _column(np.log(num_bytes / (width * height))),
            advice="Save all images with the same format and quality, from the originals if you have them.",
            implied_by=("JPEG quality", "border", "size", "aspect"),
        ),
        ShortcutFeature(
            "camera",
            "the camera model in the EXIF data",
            _one_hot(records["camera"]),
            advice="Take images of every class with every camera.",
        ),
        ShortcutFeature(
            "time of day",
            "the time of day in the EXIF data (or from its absence)",
            _column(hour),
            advice="Take images of every class at all times of the day.",
        ),
        # Colour can be part of the content, as in sunsets, so the evidence has to be stronger
        ShortcutFeature(
            "mean colour",
            "the mean colour of the image",
            records["colour"].astype(np.float64),
            advice="If colour does not define the classes, take images of all classes in the same light.",
            min_informedness=_MIN_INFORMEDNESS_OF_COLOUR,
            implied_by=("border",),
        ),
    ]


def _column(values: npt.NDArray[np.generic]) -> FeatureMatrix:
    return values.astype(np.float64)[:, None]


def _one_hot(names: npt.NDArray[np.bytes_]) -> FeatureMatrix:
    """Return an indicator column for each of the most frequent names."""
    distinct, indices, counts = np.unique(names, return_inverse=True, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:_MAX_CAMERAS]
    return np.asarray(indices[:, None] == frequent[None, : len(distinct)], np.float64)
