"""Tests of the head that is fitted to features before all layers are trained; the features are given."""

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
import torch

from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.data.dataset import Sample
from engine.ml.loading.feature_cache import Features
from engine.ml.training.head_start import start_with_fitted_head
from engine.ml.training.state import TrainState
from tests.engine.ml.training.tiny_state import make_state

LABELS = (0, 1, 2) * 8
UNREADABLE = Warned(message="Left out: no image", path="0.png")


def _embeddings(samples: Sequence[Sample], width: int) -> torch.Tensor:
    """Return embeddings (N, D) whose classes are far apart; each depends on the sample alone."""
    rows = torch.zeros(len(samples), width)
    for row, sample in zip(rows, samples):
        generator = torch.Generator().manual_seed(int(sample.path.removesuffix(".png")))
        row[:] = torch.randn(width, generator=generator)
        row[sample.label] += 8.0
    return rows


@pytest.fixture(autouse=True)
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Sample]]:
    """Replace the features by given ones without the first image; return the samples of each call."""
    calls: list[Sequence[Sample]] = []

    def compute(_root: Path, samples: Sequence[Sample], *_: object, **__: object) -> Generator[Event, None, Features]:
        calls.append(samples)
        yield UNREADABLE
        readable = tuple(sample for sample in samples if sample.path != UNREADABLE.path)
        return Features(readable, _embeddings(readable, 16))

    monkeypatch.setattr("engine.ml.training.head_start.compute_features", compute)
    return calls


def _accuracy(state: TrainState) -> float:
    samples = state.dataset.of_split("train")
    logits = state.eval_model.eval().head(_embeddings(samples, 16))
    return (logits.argmax(1) == torch.tensor([sample.label for sample in samples])).float().mean().item()


@pytest.mark.parametrize("ema_decay", [0.0, 0.99])
def test_the_model_classifies_the_training_images_before_its_first_epoch(ema_decay: float) -> None:
    state = make_state(labels=LABELS, ema_decay=ema_decay)
    assert _accuracy(state) < 0.9
    run_to_end(start_with_fitted_head(state))
    assert _accuracy(state) == 1.0
    assert (state.epoch, state.phase) == (0, None)


def test_the_layers_before_the_head_stay_the_same() -> None:
    state = make_state(labels=LABELS)
    before = {name: value.clone() for name, value in state.setup.model.backbone.state_dict().items()}
    run_to_end(start_with_fitted_head(state))
    after = state.setup.model.backbone.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_the_epochs_do_not_repeat_the_warning_about_an_unreadable_image() -> None:
    state = make_state(labels=LABELS)
    events: list[Event] = []
    run_to_end(start_with_fitted_head(state), events.append)
    assert events == [UNREADABLE]
    assert state.warned == {UNREADABLE.path}


def test_without_a_readable_image_the_head_stays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(*_: object, **__: object) -> Generator[Event, None, Features]:
        yield UNREADABLE
        return Features((), torch.empty(0))

    monkeypatch.setattr("engine.ml.training.head_start.compute_features", compute)
    state = make_state(labels=LABELS)
    before = state.setup.model.head.weight.clone()
    run_to_end(start_with_fitted_head(state))
    assert torch.equal(before, state.setup.model.head.weight)


@pytest.mark.parametrize(("max_embeddings", "views"), [(48, 2), (47, 1), (12, 1)])
def test_the_head_is_fitted_to_both_views_of_a_small_dataset_and_to_one_view_of_a_part_of_a_large_one(
    max_embeddings: int, views: int, computed: list[Sequence[Sample]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ml.training.head_start.MAX_FITTED_EMBEDDINGS", max_embeddings)
    run_to_end(start_with_fitted_head(make_state(labels=LABELS)))
    assert [len(samples) for samples in computed] == [min(24, max_embeddings)] * views


def test_each_process_computes_its_share_and_fits_the_head_to_all_of_them(
    computed: list[Sequence[Sample]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = make_state(labels=LABELS)
    samples = state.dataset.of_split("train")
    others = tuple(sample for sample in samples[1::2] if sample.label != 0)
    gathered: list[tuple[torch.Tensor, torch.Tensor]] = []

    def all_gather(share: tuple[torch.Tensor, torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        features = Features(others, _embeddings(others, 16))
        gathered.extend([share, (torch.stack([features.rows] * 2, 1), features.labels)])
        return gathered

    monkeypatch.setattr("engine.ml.runtime.distributed.world_size", lambda: 2)
    monkeypatch.setattr("engine.ml.runtime.distributed.all_gather", all_gather)
    run_to_end(start_with_fitted_head(state))
    assert list(computed[0]) == list(samples[::2])
    assert _accuracy(state) == 1.0
    alone = make_state(labels=LABELS)
    monkeypatch.setattr("engine.ml.runtime.distributed.all_gather", lambda share: [share])
    run_to_end(start_with_fitted_head(alone))
    assert not torch.equal(alone.setup.model.head.weight, state.setup.model.head.weight)
