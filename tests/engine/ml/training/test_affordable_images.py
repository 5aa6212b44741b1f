"""Tests of the choice of training images whose features can be computed in a time."""

from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import Dataset, Sample
from engine.ml.training.affordable_images import find_affordable


def _dataset(num_train: int, num_val: int) -> Dataset:
    train = (Sample(f"{number:05}.png", number % 2, "train") for number in range(num_train))
    val = (Sample(f"val{number:05}.png", number % 2, "val") for number in range(num_val))
    return Dataset(Path("/data"), ("a", "b"), (*train, *val))


def _chosen(dataset: Dataset, seconds: float, per_image: float) -> tuple[Sample, ...]:
    """Choose for a computer that needs `per_image` seconds for each image."""
    now = [0.0]

    def compute(samples: Sequence[Sample]) -> Generator[Event, None, None]:
        yield from ()
        now[0] += per_image * len(samples)

    return run_to_end(find_affordable(dataset, compute, seconds, clock=lambda: now[0]))


def test_all_images_are_used_if_there_is_time_for_them() -> None:
    dataset = _dataset(1000, 200)
    assert _chosen(dataset, seconds=12.1, per_image=0.01) == dataset.of_split("train")


def test_a_slow_computer_uses_as_many_images_as_there_is_time_for() -> None:
    chosen = _chosen(_dataset(1000, 200), seconds=60, per_image=0.1)
    assert Counter(sample.label for sample in chosen) == {0: 200, 1: 200}


@pytest.mark.parametrize("per_image", [1.0, 1e6])
def test_each_class_keeps_a_few_images_however_slow_the_computer_is(per_image: float) -> None:
    chosen = _chosen(_dataset(1000, 200), seconds=60, per_image=per_image)
    assert Counter(sample.label for sample in chosen) == {0: 5, 1: 5}
