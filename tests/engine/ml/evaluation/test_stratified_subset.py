"""Tests of stratified subsets."""

import numpy as np

from engine.data.dataset import Sample
from engine.ml.evaluation.stratified_subset import stratified_subset


def test_small_classes_stay_whole_and_large_classes_share_the_rest_evenly() -> None:
    samples = tuple(Sample(f"{number}", 0 if number < 50 else 1 + number % 2) for number in range(6000))
    chosen = stratified_subset(samples, 2000)
    counts = np.bincount([sample.label for sample in chosen])
    assert len(chosen) == 2000
    assert counts.tolist() == [50, 975, 975]


def test_images_of_a_class_are_evenly_spaced() -> None:
    samples = [
        Sample(f"{label}/{number:03}", label) for label, num in ((0, 200), (1, 40), (2, 4)) for number in range(num)
    ]
    chosen = stratified_subset(samples, 24)
    assert [sum(sample.label == label for sample in chosen) for label in range(3)] == [10, 10, 4]
    positions = [int(sample.path[-3:]) for sample in chosen if sample.label == 0]
    assert positions == sorted(positions)
    assert max(np.diff([0, *positions, 200])) <= 24


def test_few_samples_are_returned_unchanged() -> None:
    samples = (Sample("b", 0), Sample("a", 1))
    assert stratified_subset(samples, 2) == samples
