"""Tests of the batch source over cached features, and of the clean subset of the training images."""

import copy
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.config.settings import Geometry
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import Dataset, Sample
from engine.ml.loading.feature_cache import Features
from engine.ml.models.blocks import NetworkSplit
from engine.ml.models.build import Classifier, Head
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.training.batch_source import clean_train_subset
from engine.ml.training.feature_source import FeatureBatchSource, make_feature_source, stack_views
from engine.ml.training.setup import TrainingSetup
from tests.engine.ml.training.tiny_state import make_state

SAMPLES = tuple(Sample(f"{number}.png", number % 3) for number in range(10))
ROWS = torch.stack([torch.stack([torch.full((2,), n), torch.full((2,), n + 100.0)]) for n in range(10)])
"""Row n holds n for the first view of the image and n + 100 for the second."""


def _make_source(seed: int = 0, num_views: int = 2) -> FeatureBatchSource:
    setup = make_state(batch_size=4, seed=seed).setup
    split = NetworkSplit("", nn.Identity(), nn.Identity())
    return FeatureBatchSource(setup, split, Features(SAMPLES, ROWS[:, :num_views]), Features(SAMPLES[:3], ROWS[:3, 0]))


def test_a_batch_holds_the_features_of_one_view_of_each_of_its_samples() -> None:
    batches = list(_make_source().train_batches(1, 0))
    assert sorted(sample.path for batch in batches for sample in batch.samples) == sorted(s.path for s in SAMPLES)
    for batch in batches:
        numbers = [float(sample.path.removesuffix(".png")) for sample in batch.samples]
        assert [value % 100 for value in batch.inputs[:, 0].tolist()] == numbers
        assert batch.labels.tolist() == [sample.label for sample in batch.samples]


def test_a_resumed_epoch_has_the_same_batches_as_an_uninterrupted_one() -> None:
    whole, rest = (list(_make_source().train_batches(3, first)) for first in (0, 1))
    assert len(whole) == 3
    assert len(rest) == 2
    for expected, batch in zip(whole[1:], rest):
        assert torch.equal(expected.inputs, batch.inputs)


def test_validation_uses_the_features_of_its_own_images() -> None:
    (batch,) = _make_source().val_batches()
    assert batch.inputs[:, 0].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("num_samples", "paths"), [(3, ["0.png", "3.png", "6.png"]), (0, [])])
def test_the_clean_training_subset_is_evenly_spread(num_samples: int, paths: list[str]) -> None:
    assert [sample.path for sample in clean_train_subset(SAMPLES, num_samples)] == paths


def test_the_clean_training_subset_is_all_images_if_validation_has_more() -> None:
    assert clean_train_subset(SAMPLES, 100) == SAMPLES


def test_the_order_of_an_epoch_and_its_views_depend_on_seed_and_epoch() -> None:
    def rows(seed: int, epoch: int) -> list[float]:
        source = _make_source(seed)
        return [number for batch in source.train_batches(epoch, 0) for number in batch.inputs[:, 0].tolist()]

    def views(seed: int, epoch: int) -> list[bool]:
        return [number >= 100 for number in rows(seed, epoch)]

    assert rows(0, 1) == rows(0, 1)
    numbers = [[number % 100 for number in rows(*arguments)] for arguments in ((0, 1), (1, 1), (0, 2))]
    assert numbers[0] != numbers[1]
    assert numbers[0] != numbers[2]
    assert len({tuple(views(seed, epoch)) for seed, epoch in ((0, 1), (1, 1), (0, 2), (3, 1))}) > 1
    assert {True, False} == set(views(0, 1))
    # The sum of seed and epoch must not matter: seed 0 would repeat the second epoch of seed 1 in its third
    assert len({tuple(views(seed, 4 - seed)) for seed in range(4)}) == 4


def test_with_one_view_every_row_is_of_this_view() -> None:
    source = _make_source(num_views=1)
    assert max(number for batch in source.train_batches(1, 0) for number in batch.inputs[:, 0].tolist()) < 100


def test_validation_features_come_in_batches_with_labels_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.training.feature_source.EVAL_BATCH_SIZE", 2)
    first, last = _make_source().val_batches()
    assert (first.samples, last.samples) == (SAMPLES[:2], SAMPLES[2:3])
    assert (first.labels.tolist(), last.labels.tolist()) == ([0, 1], [2])
    assert (first.inputs[:, 0].tolist(), last.inputs[:, 0].tolist()) == ([0.0, 1.0], [2.0])


def test_features_are_not_mixed_so_there_are_no_clean_training_images() -> None:
    source = _make_source()
    assert not source.uses_mixup
    assert list(source.clean_train_batches()) == list(source.clean_train_samples) == []


def test_cached_features_become_float32_input() -> None:
    source = _make_source()
    batch = next(iter(source.val_batches()))
    inputs = source.to_input(replace(batch, inputs=batch.inputs.bfloat16()))
    assert inputs.dtype == torch.float32
    assert inputs[:, 0].tolist() == [0.0, 1.0, 2.0]


Arguments = dict[str, object]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Arguments]:
    """Replace the computation of features; return the arguments of each call."""
    recorded: list[Arguments] = []

    class Cache:
        def __init__(self, root: Path, network: nn.Module, preprocessing: Preprocessing, **values: object) -> None:
            self.network = network
            self.arguments = {"root": root, "preprocessing": preprocessing, "values": tuple(values.values())}

        def missing(self, samples: list[Sample]) -> list[Sample]:
            return samples

        def compute(self, samples: list[Sample], *, saves: bool = True) -> Generator[Event, None, Features]:
            recorded.append(self.arguments | {"samples": samples, "is_timing": not saves})
            yield from ()
            assert not self.network.training
            images = torch.randn(len(samples), 3, 4, 4, generator=torch.Generator().manual_seed(0))
            with torch.no_grad():
                return Features(tuple(samples), self.network(images))

    monkeypatch.setattr("engine.ml.training.feature_source.FeatureCache", Cache)
    return recorded


def _make_two_blocks(mode: str = "quick", geometry: Geometry = "crop") -> tuple[TrainingSetup, Dataset]:
    """Return the setup of a network of two convolutions, and a dataset of 10 training and 2 validation images."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Conv2d(2, 4, 2), nn.Flatten())
    model = Classifier(backbone, Head(4, 3, 0.0), "fc")
    setup = make_state(mode=mode, batch_size=4).setup
    setup = replace(setup, model=model, preprocessing=replace(setup.preprocessing, geometry=geometry))
    val = tuple(Sample(f"val {number}.png", number, "val") for number in range(2))
    return setup, Dataset(Path("images"), ("a", "b", "c"), (*SAMPLES, *val))


@pytest.mark.usefixtures("calls")
def test_only_the_last_block_and_the_head_are_trained_on_features() -> None:
    setup, dataset = _make_two_blocks()
    source = run_to_end(make_feature_source(setup, dataset))
    trained = {name for name, parameter in setup.model.named_parameters() if parameter.requires_grad}
    assert trained == {"backbone.2.weight", "backbone.2.bias", "head.weight", "head.bias"}
    assert source.train_samples == SAMPLES
    assert source.val_samples == dataset.of_split("val")


@pytest.mark.usefixtures("calls")
def test_prefix_suffix_and_head_compute_the_logits_of_the_whole_network() -> None:
    setup, dataset = _make_two_blocks()
    source = run_to_end(make_feature_source(setup, dataset))
    (batch,) = source.val_batches()
    images = torch.randn(12, 3, 4, 4, generator=torch.Generator().manual_seed(0))[10:]
    torch.testing.assert_close(source.forward(source.to_input(batch)), setup.model(images))
    averaged = copy.deepcopy(setup.model)
    with torch.no_grad():
        averaged.backbone[2].bias += 1.0  # type: ignore[index]
    for model in (setup.model, averaged):
        torch.testing.assert_close(source.eval_forward(model)(batch.inputs), model(images))


def test_features_are_computed_in_the_inference_precision_of_the_run(calls: list[Arguments]) -> None:
    setup, dataset = _make_two_blocks()
    run_to_end(make_feature_source(setup, dataset))
    assert calls[0]["root"] == dataset.root
    assert calls[0]["samples"] == list(dataset.samples)
    assert calls[0]["values"] == (setup.device, torch.float32)
    assert calls[0]["preprocessing"] == setup.preprocessing


@pytest.mark.parametrize(("geometry", "other"), [("crop", "squash"), ("squash", "crop"), ("pad", "crop")])
def test_quick_mode_trains_on_a_second_view_of_the_training_images(
    calls: list[Arguments], geometry: Geometry, other: Geometry
) -> None:
    setup, dataset = _make_two_blocks("quick", geometry)
    source = run_to_end(make_feature_source(setup, dataset))
    assert [call["preprocessing"].geometry for call in calls] == [geometry, other]  # type: ignore[attr-defined]
    assert calls[1]["samples"] == SAMPLES
    assert len(source.train_embeddings()[0]) == 2 * len(SAMPLES)


@pytest.mark.parametrize(("max_seconds", "num_views"), [(24.9, 1), (25, 2)])
def test_within_a_time_budget_the_second_view_is_computed_if_the_time_suffices_for_both(
    max_seconds: float, num_views: int, calls: list[Arguments]
) -> None:
    def clock() -> float:
        return sum(len(call["samples"]) / 2 if call["is_timing"] else 10 for call in calls)  # type: ignore[arg-type,misc]

    source = run_to_end(make_feature_source(*_make_two_blocks("full"), max_seconds, clock))
    computed = [call["preprocessing"].geometry for call in calls if not call["is_timing"]]  # type: ignore[attr-defined]
    assert computed == ["crop", "squash"][:num_views]
    assert source.train_embeddings()[0].shape[0] == num_views * len(source.train_samples)


@pytest.mark.parametrize("num_views", [1, 2])
def test_the_head_is_fitted_to_a_limited_number_of_embeddings(num_views: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.training.feature_source.MAX_FITTED_EMBEDDINGS", 6)
    embeddings, labels, images = _make_source(num_views=num_views).train_embeddings()
    assert len(embeddings) == len(labels) == len(images) == 6
    assert images.tolist() == [number for number in range(6 // num_views) for _ in range(num_views)]
    assert [int(row) % 100 % 3 for row in embeddings[:, 0]] == labels.tolist()


def test_an_image_that_can_be_read_for_one_view_only_is_left_out() -> None:
    first, second = Features(SAMPLES, ROWS[:, 0]), Features(SAMPLES[:4], ROWS[:4, 1])
    stacked = stack_views([first, second])
    assert stacked.samples == SAMPLES[:4]
    assert torch.equal(stacked.rows, ROWS[:4])


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(("missing_bytes", "trains_block"), [(0, True), (1, False)])
def test_only_the_head_is_trained_if_the_features_before_the_last_block_do_not_fit_in_memory(
    missing_bytes: int, trains_block: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_bytes = 2 * 12 * (2 * 2 * 2) * 4  # two views of 12 images with 2 channels of 2 x 2 float32 values
    monkeypatch.setattr("engine.ml.training.feature_source.MEMORY_BUDGET", num_bytes - missing_bytes)
    setup, dataset = _make_two_blocks()
    source = run_to_end(make_feature_source(setup, dataset))
    assert any(parameter.requires_grad for parameter in setup.model.backbone.parameters()) == trains_block
    (batch,) = source.val_batches()
    assert batch.inputs.ndim == (4 if trains_block else 2)
