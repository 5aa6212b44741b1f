"""Images that are hard to learn from: blurred, dark, washed out, tiny or of an odd shape beside the others."""

from collections.abc import Iterator, Sequence

import numpy as np

from engine.audit.findings import Outlier
from engine.audit.fingerprint import Records
from engine.data.dataset import Sample

# Each limit has a part that holds for any image and one relative to the middle of the data set, and both must be
# passed: a data set of night shots is not one of dark images. On the four sets of photos that the project is tried
# on, at most 2 % of the images pass any one of them.
_FLAT_SHARPNESS = 0.25
"""What `fingerprint` measures where there is nothing but smooth slopes."""
_SHARPNESS, _SHARPNESS_SHARE = 0.27, 0.3
_DARK, _BRIGHT, _LIGHT_SHARE = 30.0, 225.0, 0.4
_TINY_SIDE, _TINY_SHARE, _TINY_SHARE_ALWAYS = 64, 0.5, 0.25
_LONG, _LONG_BESIDE = 2.0, 2.2


def find_outliers(samples: Sequence[Sample], records: Records) -> tuple[Outlier, ...]:
    """Return the odd ones among `samples`, whose records are given in the same order; one may have several oddities."""
    return tuple(_oddities(samples, records)) if len(samples) else ()


def _oddities(samples: Sequence[Sample], records: Records) -> Iterator[Outlier]:
    sides = np.minimum(records["width"], records["height"])
    aspects = records["width"] / records["height"]
    least_sharp = min(
        _SHARPNESS, _FLAT_SHARPNESS + _SHARPNESS_SHARE * (float(np.median(records["sharpness"])) - _FLAT_SHARPNESS)
    )
    brightness = float(np.median(records["brightness"]))
    dark, bright = min(_DARK, _LIGHT_SHARE * brightness), max(_BRIGHT, 255 - _LIGHT_SHARE * (255 - brightness))
    side, aspect = float(np.median(sides)), float(np.median(aspects))
    tiny = max(min(_TINY_SIDE, _TINY_SHARE * side), _TINY_SHARE_ALWAYS * side)
    for sample, record, own_side, own_aspect in zip(samples, records, sides.tolist(), aspects.tolist()):
        size = f"{record['width']} x {record['height']} pixels"
        if record["sharpness"] < least_sharp:
            yield Outlier(path=sample.path, kind="blurred", reason="It is blurred: it shows no fine detail.")
        if record["brightness"] < dark:
            yield Outlier(path=sample.path, kind="dark", reason="It is nearly black.")
        if record["brightness"] > bright:
            yield Outlier(path=sample.path, kind="bright", reason="It is nearly white.")
        if own_side < tiny:
            yield Outlier(path=sample.path, kind="tiny", reason=f"It is tiny: {size}.")
        beside = max(own_aspect / aspect, aspect / own_aspect)
        if max(own_aspect, 1 / own_aspect) > _LONG and beside > _LONG_BESIDE:
            shape = "wide" if own_aspect > aspect else "tall"
            yield Outlier(path=sample.path, kind="shape", reason=f"It is unusually {shape}: {size}.")
