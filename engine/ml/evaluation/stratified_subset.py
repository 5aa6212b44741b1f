"""Subset of a dataset with about equally many images of each class."""

from collections.abc import Sequence

import numpy as np

from engine.data.dataset import Sample


def stratified_subset(samples: Sequence[Sample], max_images: int) -> tuple[Sample, ...]:
    """Return at most `max_images` samples, with equal numbers per class as far as classes are large enough.

    Classes smaller than their share are taken whole and leave the rest to the larger ones. Within a class the samples
    are evenly spaced. The result is ordered by path, or unchanged if all samples fit.
    """
    if len(samples) <= max_images:
        return tuple(samples)
    by_label: dict[int, list[Sample]] = {}
    for sample in samples:
        by_label.setdefault(sample.label, []).append(sample)
    chosen: list[Sample] = []
    for number, group in enumerate(sorted(by_label.values(), key=len)):
        num_classes_left = len(by_label) - number
        num_taken = min(len(group), (max_images - len(chosen)) // num_classes_left)
        chosen += [group[int(position)] for position in np.linspace(0, len(group) - 1, num_taken)]
    return tuple(sorted(chosen, key=lambda sample: sample.path))
