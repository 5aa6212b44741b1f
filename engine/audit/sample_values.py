"""Values of deep images in fingerprints, from which the grey ranges of a dataset are found."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.pixels.grey_range import GreyRanges, Range, SampleKind, SampleValues, choose_range

_KINDS: tuple[SampleKind | None, ...] = (None, "integer", "floating")
_NOT_STATED = (math.nan, math.nan)


def write_values(record: npt.NDArray[np.void], values: SampleValues | None) -> None:
    """Store the values of an image in its fingerprint, shape ()."""
    if values is None:
        return
    record["samples"] = _KINDS.index(values.kind)
    record["values"] = values.low, values.high, values.bright
    record["encoding"] = values.encoding or _NOT_STATED
    record["display"] = values.display or _NOT_STATED
    record["used"] = values.used


def read_values(records: npt.NDArray[np.void]) -> list[SampleValues | None]:
    """Return the stored values of each image, None for images of 8 bits per channel."""
    values: list[SampleValues | None] = [None] * len(records)
    for position in np.flatnonzero(records["samples"]):
        record = records[position]
        kind = _KINDS[min(int(record["samples"]), 2)]
        assert kind is not None
        low, high, bright = record["values"].tolist()
        values[position] = SampleValues(
            kind,
            low,
            high,
            bright,
            _range(record["encoding"]),
            _range(record["display"]),
            tuple(record["used"].tolist()),
        )
    return values


def rescale_records(records: npt.NDArray[np.void], ranges: GreyRanges) -> npt.NDArray[np.void]:
    """Return fingerprints whose deep images are scaled by the ranges of their dataset.

    An image is fingerprinted before the ranges are known, scaled by its own values. Hashes do not depend on the scale,
    and the other measures are linear in it.
    """
    rescaled = records.copy()
    for position, values in enumerate(read_values(records)):
        if values is None:
            continue
        black, white = choose_range(values, ranges)
        if values.used[0] > values.used[1]:  # low values are white
            black, white = white, black
        factor = (values.used[1] - values.used[0]) / (white - black or 1.0)
        offset = 255 * (values.used[0] - black) / (white - black or 1.0)
        record = rescaled[position : position + 1]
        for field in ("thumbnail", "colour", "brightness"):
            record[field] = np.clip(record[field] * factor + offset, 0, 255)
        record["contrast"] *= factor
    return rescaled


def _range(stored: Any) -> Range | None:
    low, high = stored.tolist()
    return None if math.isnan(high) else (low, high)
