"""Tests of the batch source over cached features, and of the clean subset of the training images."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from engine.data.dataset import Sample
from engine.ml.loading.augment import AugmentOptions
from engine.ml.loading.feature_cache import Features
from engine.ml.models.blocks import NetworkSplit
from engine.ml.training.batch_source import clean_train_subset
from engine.ml.training.feature_source import FeatureBatchSource
from tests.engine.ml.training.tiny_state import make_state

SAMPLES = tuple(Sample(f"{number}.png", number % 3) for number in range(10))
ROWS = torch.stack([torch.stack([torch.full((2,), n), torch.full((2,), n + 100.0)]) for n in range(10)])
"""Row n holds n for the image and n + 100 for its mirror image."""


def _make_source(horizontal_flip: float) -> FeatureBatchSource:
    setup = replace(make_state(batch_size=4).setup, augment=AugmentOptions(horizontal_flip=horizontal_flip))
    split = NetworkSplit("", nn.Identity(), nn.Identity())
    return FeatureBatchSource(setup, split, Features(SAMPLES, ROWS), Features(SAMPLES[:3], ROWS[:3]))


@pytest.mark.parametrize(("horizontal_flip", "offset"), [(0.0, 0.0), (1.0, 100.0)])
def test_a_batch_holds_the_features_of_its_samples_or_of_their_mirror_images(
    horizontal_flip: float, offset: float
) -> None:
    batches = list(_make_source(horizontal_flip).train_batches(1, 0))
    assert sorted(sample.path for batch in batches for sample in batch.samples) == sorted(s.path for s in SAMPLES)
    for batch in batches:
        numbers = [float(sample.path.removesuffix(".png")) for sample in batch.samples]
        assert batch.inputs[:, 0].tolist() == [number + offset for number in numbers]
        assert batch.labels.tolist() == [sample.label for sample in batch.samples]


def test_a_resumed_epoch_has_the_same_batches_as_an_uninterrupted_one() -> None:
    whole, rest = (list(_make_source(0.5).train_batches(3, first)) for first in (0, 1))
    assert len(whole) == 3
    assert len(rest) == 2
    for expected, batch in zip(whole[1:], rest):
        assert torch.equal(expected.inputs, batch.inputs)


def test_validation_uses_the_features_of_the_images_themselves() -> None:
    (batch,) = _make_source(1.0).val_batches()
    assert batch.inputs[:, 0].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("num_samples", "paths"), [(3, ["0.png", "3.png", "6.png"]), (0, [])])
def test_the_clean_training_subset_is_evenly_spread(num_samples: int, paths: list[str]) -> None:
    assert [sample.path for sample in clean_train_subset(SAMPLES, num_samples)] == paths


def test_the_clean_training_subset_is_all_images_if_validation_has_more() -> None:
    assert clean_train_subset(SAMPLES, 100) == SAMPLES
