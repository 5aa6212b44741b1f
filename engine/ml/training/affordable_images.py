"""Limit the training images whose features are computed to those that fit into a time."""

import time
from collections.abc import Callable, Generator, Sequence

from engine.core.events import Event
from engine.data.dataset import Dataset, Sample
from engine.ml.evaluation.stratified_subset import stratified_subset
from engine.ml.loading.feature_cache import FeatureCache

_NUM_TIMED = 32
"""Images from which the speed is measured."""
_MIN_PER_CLASS = 5
"""Training images of each class that are used whatever the speed is."""

Clock = Callable[[], float]


def find_affordable(
    cache: FeatureCache, dataset: Dataset, seconds: float, clock: Clock = time.monotonic
) -> Generator[Event, None, tuple[Sample, ...]]:
    """Return the training samples whose features can be computed in a time, besides those of all validation samples.

    Args:
        cache: Computes the features; those that it has already take no time.
        dataset: The split dataset.
        seconds: Time for all features, in seconds.
        clock: Returns the time in seconds.

    Returns:
        The samples whose features are cached and all others, or a subset of these with about equally many of each
        class, in the order of the dataset.
    """
    train = dataset.of_split("train")
    started = clock()
    per_image = yield from _seconds_per_image(cache, train, clock)
    seconds -= clock() - started
    missing = cache.missing(train)
    num_images = int(seconds / per_image) - len(cache.missing(dataset.of_split("val")))
    chosen = stratified_subset(missing, max(num_images, _MIN_PER_CLASS * len(dataset.classes)))
    left_out = {sample.path for sample in missing} - {sample.path for sample in chosen}
    return tuple(sample for sample in train if sample.path not in left_out)


def is_affordable(
    cache: FeatureCache, samples: Sequence[Sample], seconds: float, clock: Clock = time.monotonic
) -> Generator[Event, None, bool]:
    """Return whether the features of all samples can be computed in a time, in seconds."""
    if seconds <= 0:
        return not cache.missing(samples)
    started = clock()
    per_image = yield from _seconds_per_image(cache, samples, clock)
    return clock() - started + per_image * len(cache.missing(samples)) <= seconds


def _seconds_per_image(cache: FeatureCache, samples: Sequence[Sample], clock: Clock) -> Generator[Event, None, float]:
    """Return the time for one image, measured on a few of those that the cache does not have yet."""
    missing = cache.missing(samples)
    timed = missing[:: max(1, len(missing) // _NUM_TIMED)][:_NUM_TIMED]
    started = clock()
    yield from cache.compute(timed, saves=False)
    return max(1e-9, (clock() - started) / max(1, len(timed)))
