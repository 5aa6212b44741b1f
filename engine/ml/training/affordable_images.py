"""Limit the training images whose features are computed to those that fit into a time."""

import time
from collections.abc import Callable, Generator, Sequence

from engine.core.events import Event
from engine.data.dataset import Dataset, Sample
from engine.ml.evaluation.stratified_subset import stratified_subset

_NUM_TIMED = 32
"""Images from which the speed is measured."""
_MIN_PER_CLASS = 5
"""Training images of each class that are used whatever the speed is."""

Compute = Callable[[Sequence[Sample]], Generator[Event, None, object]]


def find_affordable(
    dataset: Dataset, compute: Compute, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Generator[Event, None, tuple[Sample, ...]]:
    """Return the training samples whose features can be computed in a time, besides those of all validation samples.

    Args:
        dataset: The split dataset.
        compute: Computes the features of some samples; it is timed on a few of them.
        seconds: Time for all features, in seconds.
        clock: Returns the time in seconds.

    Returns:
        All training samples, or a subset with about equally many of each class, in the order of their paths.
    """
    train, val = dataset.of_split("train"), dataset.of_split("val")
    timed = train[:: max(1, len(train) // _NUM_TIMED)][:_NUM_TIMED]
    started = clock()
    yield from compute(timed)
    per_image = max(1e-9, (clock() - started) / max(1, len(timed)))
    num_images = int(seconds / per_image) - len(val)
    return stratified_subset(train, max(num_images, _MIN_PER_CLASS * len(dataset.classes)))
