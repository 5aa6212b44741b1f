"""Tests of training within a time, and of memory that does not suffice."""

from pathlib import Path

import pytest
import torch

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, RunDone, Warned
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.models.build import Classifier
from engine.ml.models.inference import split_on_oom
from engine.ml.training.phases import Phase
from tests.pictures import write_classes

TINY = (
    RunConfig().changed("data", image_size=16).changed("training", batch_size=8, device="cpu").changed("optim", lr=5e-3)
)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return split(scan(write_classes(tmp_path / "data", {"red": 12, "green": 12, "blue": 12})), 0.25, 0)


def _train(dataset: Dataset, config: RunConfig, path: Path) -> list[Event]:
    events: list[Event] = []
    run_to_end(jobs.train(dataset, config, path), events.append)
    return events


def test_a_budget_ends_the_run_whatever_the_number_of_epochs(dataset: Dataset, tmp_path: Path) -> None:
    events = _train(dataset, TINY.changed("training", budget="2s", epochs=1), tmp_path / "run")
    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert len(epochs) > 1
    assert isinstance(events[-1], RunDone)
    assert events[-1].best is not None


def test_with_start_weights_a_budget_begins_on_kept_activations_and_goes_on_with_all_layers(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_quick = 1
    monkeypatch.setattr(
        "engine.ml.training.build_phases.QUICK_EPOCHS", num_quick
    )  # few, so that a busy machine gets beyond them
    _train(dataset, TINY.changed("training", epochs=1), tmp_path / "start")
    weights = str(tmp_path / "start" / "model.safetensors")
    config = TINY.changed("model", weights=weights).changed("training", budget="4s")
    epochs = [event for event in _train(dataset, config, tmp_path / "run") if isinstance(event, EpochDone)]
    assert [epoch.epoch for epoch in epochs] == list(range(1, len(epochs) + 1))
    assert len(epochs) > num_quick
    assert all(epoch.epochs >= epoch.epoch for epoch in epochs)


def test_under_a_budget_the_rate_follows_the_time() -> None:
    now = [100.0]
    parameter = torch.nn.Parameter(torch.ones(1))
    phase = Phase("full", None, torch.optim.SGD([parameter]), None, 8, 0.5, deadline=200.0, clock=lambda: now[0])  # type: ignore[arg-type]
    rates = []
    for now[0] in (100.0, 102.5, 105.0, 152.5, 200.0, 250.0):
        rates.append(phase.lr_factor(0))
    assert rates[0] < rates[1] < rates[2]
    assert rates[2:] == pytest.approx([1.0, 0.5, 0.0, 0.0], abs=1e-3)


def test_a_batch_that_memory_does_not_hold_is_learnt_in_parts_and_the_user_told(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse_more_than(4, monkeypatch)
    events = _train(dataset, TINY.changed("training", epochs=2), tmp_path / "run")
    told = [event.message for event in events if isinstance(event, Warned)]
    assert len(told) == 1
    assert "into 2 parts" in told[0]
    assert isinstance(events[-1], RunDone)


def test_memory_that_does_not_hold_an_image_is_a_sentence(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse_more_than(0, monkeypatch)
    with pytest.raises(EngineError, match="not enough memory"):
        _train(dataset, TINY, tmp_path / "run")


def _refuse_more_than(num_images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Classifier.forward

    def forward(self: Classifier, x: torch.Tensor) -> torch.Tensor:
        if self.training and torch.is_grad_enabled() and len(x) > num_images:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, x)

    monkeypatch.setattr(Classifier, "forward", forward)


@pytest.mark.parametrize("failure", [torch.OutOfMemoryError("out of memory"), MemoryError()])
def test_a_batch_to_measure_that_memory_does_not_hold_is_measured_in_halves(failure: Exception) -> None:
    sizes: list[int] = []

    def network(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise failure
        return 2 * batch

    batch = torch.arange(7.0)
    assert torch.equal(split_on_oom(network, batch), 2 * batch)
    assert max(sizes) == 7


def test_an_image_to_measure_that_memory_does_not_hold_is_no_endless_halving() -> None:
    def network(_: torch.Tensor) -> torch.Tensor:
        raise MemoryError

    with pytest.raises(MemoryError):
        split_on_oom(network, torch.zeros(4))
