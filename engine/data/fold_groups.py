"""Groups of photos for cross-validation: images that have to be in the same fold."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from engine.data.dataset import Sample
from engine.data.groups.photo_groups import PhotoGroups
from engine.data.split_units import Units


def fold_groups(samples: Sequence[Sample], groups: PhotoGroups, num_folds: int) -> list[int]:
    """Return a number for each sample that is equal for images of one group.

    A group that contains more than half of a class is divided into as many blocks as there are folds, in the order of
    capture, because a model that was fitted without the class cannot predict it.
    """
    units = Units([replace(sample, split="train") for sample in samples], groups)
    counts = Counter(sample.label for sample in samples)
    numbers = [0] * len(samples)
    unit_numbers = range(len(units.units))
    blocks = (block for number in unit_numbers for block in _blocks(samples, units, number, counts, num_folds))
    for block_number, block in enumerate(blocks):
        for position in block:
            numbers[position] = block_number
    return numbers


def _blocks(
    samples: Sequence[Sample], units: Units, number: int, counts: Counter[int], num_folds: int
) -> Iterator[list[int]]:
    """Yield the unit as a whole or, if it holds more than half of a class, blocks of it."""
    unit = units.units[number]
    held = Counter(samples[position].label for position in unit)
    label = max(held, key=lambda label: held[label] / counts[label])
    parts = next(units.parts(number, label), []) if 2 * held[label] > counts[label] else []
    if not parts:
        yield unit
        return
    for indices in np.array_split(np.arange(len(parts)), min(num_folds, len(parts))):
        yield [position for index in indices.tolist() for position in parts[index]]
    rest = sorted(set(unit).difference(*parts))
    if rest:
        yield rest
