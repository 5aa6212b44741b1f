"""Image-quality outliers: images that are blurred, dark, bright, tiny or of unusual aspect ratio."""

from collections.abc import Iterator, Sequence

import numpy as np

from engine.audit.findings import Outlier
from engine.audit.fingerprint import Records
from engine.data.dataset import Sample

# An image must exceed both an absolute limit and a limit relative to the median of the dataset, so a dataset of night
# photos has no dark outliers. In the four photo datasets of the tests, at most 2 % of the images exceed any limit.
_FLAT_SHARPNESS = 0.25
"""Sharpness that `fingerprint` measures on smooth gradients."""
_SHARPNESS, _SHARPNESS_SHARE = 0.27, 0.3
_DARK, _BRIGHT, _LIGHT_SHARE = 30.0, 225.0, 0.4
_TINY_SIDE, _TINY_SHARE, _TINY_SHARE_ALWAYS = 64, 0.5, 0.25
_LONG, _LONG_RELATIVE = 2.0, 2.2


def find_outliers(samples: Sequence[Sample], records: Records) -> tuple[Outlier, ...]:
    """Return the image-quality outliers among `samples`; an image may be returned for several kinds.

    Args:
        samples: Samples, length N.
        records: Their fingerprints in the same order, shape (N,).
    """
    return tuple(_find_outliers(samples, records)) if len(samples) else ()


def _find_outliers(samples: Sequence[Sample], records: Records) -> Iterator[Outlier]:
    sides = np.minimum(records["width"], records["height"])
    aspects = records["width"] / records["height"]
    min_sharpness = min(
        _SHARPNESS, _FLAT_SHARPNESS + _SHARPNESS_SHARE * (float(np.median(records["sharpness"])) - _FLAT_SHARPNESS)
    )
    brightness = float(np.median(records["brightness"]))
    dark, bright = min(_DARK, _LIGHT_SHARE * brightness), max(_BRIGHT, 255 - _LIGHT_SHARE * (255 - brightness))
    side, aspect = float(np.median(sides)), float(np.median(aspects))
    tiny = max(min(_TINY_SIDE, _TINY_SHARE * side), _TINY_SHARE_ALWAYS * side)
    for sample, record, own_side, own_aspect in zip(samples, records, sides.tolist(), aspects.tolist()):
        size = f"{record['width']} x {record['height']} pixels"
        if record["sharpness"] < min_sharpness:
            yield Outlier(path=sample.path, kind="blurred", reason="It is blurred.")
        if record["brightness"] < dark:
            yield Outlier(path=sample.path, kind="dark", reason="It is nearly black.")
        if record["brightness"] > bright:
            yield Outlier(path=sample.path, kind="bright", reason="It is nearly white.")
        if own_side < tiny:
            yield Outlier(path=sample.path, kind="tiny", reason=f"It is tiny: {size}.")
        relative = max(own_aspect / aspect, aspect / own_aspect)
        if max(own_aspect, 1 / own_aspect) > _LONG and relative > _LONG_RELATIVE:
            shape = "wide" if own_aspect > aspect else "tall"
            yield Outlier(path=sample.path, kind="shape", reason=f"It is unusually {shape}: {size}.")
