"""Tests of the choice of training images whose features can be computed in a time."""

from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
import torch

from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import Dataset, Sample
from engine.ml.loading.feature_cache import FeatureCache, Features
from engine.ml.training.affordable_images import find_affordable, is_affordable


def _dataset(num_train: int, num_val: int) -> Dataset:
    train = (Sample(f"{number:05}.png", number % 2, "train") for number in range(num_train))
    val = (Sample(f"val{number:05}.png", number % 2, "val") for number in range(num_val))
    return Dataset(Path("/data"), ("a", "b"), (*train, *val))


class _Cache(FeatureCache):
    """A cache that holds some images and needs a time for each of the others."""

    def __init__(self, cached: Sequence[Sample], per_image: float) -> None:
        self.cached, self.per_image, self.now = {sample.path for sample in cached}, per_image, 0.0

    def clock(self) -> float:
        return self.now

    def missing(self, samples: Sequence[Sample]) -> list[Sample]:
        return [sample for sample in samples if sample.path not in self.cached]

    def compute(self, samples: Sequence[Sample], *, saves: bool = True) -> Generator[Event, None, Features]:
        yield from ()
        missing = self.missing(samples)
        self.now += self.per_image * len(missing)
        self.cached |= {sample.path for sample in missing}
        return Features((), torch.empty(0))


def _chosen(dataset: Dataset, seconds: float, per_image: float) -> tuple[Sample, ...]:
    """Choose for a computer that needs `per_image` seconds for each image."""
    cache = _Cache((), per_image)
    return run_to_end(find_affordable(cache, dataset, seconds, cache.clock))


def test_all_images_are_used_if_there_is_time_for_them() -> None:
    dataset = _dataset(1000, 200)
    assert _chosen(dataset, seconds=12.1, per_image=0.01) == dataset.of_split("train")


def test_a_slow_computer_uses_as_many_images_as_there_is_time_for() -> None:
    chosen = _chosen(_dataset(1000, 200), seconds=75, per_image=0.125)
    assert Counter(sample.label for sample in chosen) == {0: 200, 1: 200}


@pytest.mark.parametrize("per_image", [1.0, 1e6])
def test_each_class_keeps_a_few_images_however_slow_the_computer_is(per_image: float) -> None:
    chosen = _chosen(_dataset(1000, 200), seconds=60, per_image=per_image)
    assert Counter(sample.label for sample in chosen) == {0: 16 + 5, 1: 16 + 5}, "5 beside those that were timed"


def test_a_second_run_adds_only_as_many_images_to_the_cached_ones_as_there_is_time_for() -> None:
    dataset = _dataset(10_000, 200)
    cache = _Cache((), per_image=0.125)
    for total in (400, 1000, 1600):  # the second run needs no time for the 200 validation images
        chosen = run_to_end(find_affordable(cache, dataset, 75, cache.clock))
        assert len(chosen) == total
        started = cache.now
        run_to_end(cache.compute([*chosen, *dataset.of_split("val")]))
        assert cache.now - started <= 75


@pytest.mark.parametrize(("seconds", "is_possible"), [(10, True), (9.9, False), (0, False), (-1, False)])
def test_only_images_that_are_not_cached_take_time(seconds: float, is_possible: bool) -> None:
    samples = _dataset(200, 0).samples
    cache = _Cache(samples[:100], per_image=0.1)
    assert run_to_end(is_affordable(cache, samples, seconds, cache.clock)) == is_possible


def test_cached_images_are_affordable_without_time() -> None:
    samples = _dataset(200, 0).samples
    assert run_to_end(is_affordable(_Cache(samples, per_image=0.1), samples, seconds=0))
