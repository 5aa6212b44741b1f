"""What an image file gives away beside what it shows, as columns of numbers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.audit.fingerprint import Records

Columns = npt.NDArray[np.float64]

_NUM_CAMERAS = 30
_ENOUGH, _ENOUGH_OF_COLOUR = 0.5, 0.8


@dataclass(frozen=True)
class ShortcutFeature:
    """One cue: its name, the words of a sentence about it, and its columns, shape (N, C)."""

    name: str
    words: str
    columns: Columns
    enough: float = _ENOUGH
    """Share of the way from guessing to certainty from which on the cue is told of."""
    follows: tuple[str, ...] = ()
    """Cues that bring this one about: where one of them is told of, this one is not."""
    advice: str = ""


def shortcut_features(records: Records) -> list[ShortcutFeature]:
    """Return all cues of these images."""
    width, height = records["width"].astype(np.float64), records["height"].astype(np.float64)
    num_bytes = records["key"][:, 1].astype(np.float64)
    hour = np.nan_to_num(records["taken"] % 86_400 / 3600, nan=-1.0)
    return [
        ShortcutFeature(
            "JPEG quality",
            "how strongly the file is compressed (JPEG quality, or being no JPEG)",
            _column(records["quality"]),
            advice="Save all images alike, from the originals where you have them.",
        ),
        ShortcutFeature(
            "border",
            "a plain border around the picture",
            records["border"].astype(np.float64),
            advice="Crop the borders off.",
        ),
        ShortcutFeature(
            "aspect",
            "the ratio of width to height",
            _column(width / height),
            advice="Crop all images to one ratio.",
        ),
        ShortcutFeature(
            "size",
            "the size in pixels",
            np.stack((width, height), 1),
            follows=("aspect",),
            advice="Bring all images to one size before training.",
        ),
        ShortcutFeature(
            "file size",
            "the size of the file for its number of pixels",
            _column(np.log(num_bytes / (width * height))),
            follows=("JPEG quality", "border", "size", "aspect"),
            advice="Save all images alike, from the originals where you have them.",
        ),
        ShortcutFeature(
            "camera",
            "the camera named in the file",
            _one_hot(records["camera"]),
            advice="Take images of every class with every camera.",
        ),
        ShortcutFeature(
            "time of day",
            "the time of day the file says it was taken, or that it says none",
            _column(hour),
            advice="Take images of every class at all times of the day.",
        ),
        # Weak evidence, since colour is a part of what images show: sunsets are red
        ShortcutFeature(
            "mean colour",
            "the mean colour of the picture",
            records["colour"].astype(np.float64),
            _ENOUGH_OF_COLOUR,
            follows=("border",),
            advice="This may be what the classes are about; if not, take images of all classes in the same light.",
        ),
    ]


def _column(values: npt.NDArray[np.generic]) -> Columns:
    return values.astype(np.float64)[:, None]


def _one_hot(names: npt.NDArray[np.bytes_]) -> Columns:
    distinct, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    common = np.argsort(-counts, kind="stable")[:_NUM_CAMERAS]
    return np.asarray(which[:, None] == common[None, : len(distinct)], np.float64)
