"""Open every image of a dataset once and name those that cannot be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.dataset import Dataset, Sample
from engine.decode import decode
from engine.errors import EngineError
from engine.threads import map_in_threads

_CHECK_SIDE = 32
"""Pixels are decoded, for only that finds truncated files, but JPEGs at an eighth of their size."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One image after the check: `reason` says why it is unreadable, or is None."""

    sample: Sample
    reason: str | None


def check(dataset: Dataset) -> Iterator[Checked]:
    """Yield every sample of the dataset, in order, with what is wrong with its file."""

    def check_one(sample: Sample) -> Checked:
        return Checked(sample, unreadable_reason(dataset.root / sample.path))

    return map_in_threads(check_one, dataset.samples, ahead=256)


def unreadable_reason(path: Path) -> str | None:
    """Return why the file cannot be read as an image, or None where it can."""
    try:
        decode(path, _CHECK_SIDE)
    except EngineError as error:
        return error.message
    return None
