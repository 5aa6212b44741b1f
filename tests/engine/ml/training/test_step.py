"""Tests of the loss of a batch when classes are unequal."""

from pathlib import Path

import pytest
import torch

from engine import jobs
from engine.audit.class_balance import class_weights
from engine.config.settings import Balance, RunConfig
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.training.step import _training_loss
from tests.pictures import write_classes

LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 2, 1, 2])
TARGETS = torch.nn.functional.one_hot(LABELS, 3).float()


def test_the_weighted_loss_is_that_of_torch() -> None:
    weights = torch.tensor([2.0, 1.0, 0.5])
    theirs = torch.nn.functional.cross_entropy(LOGITS, LABELS, weights, reduction="sum")
    assert _training_loss(LOGITS, TARGETS, 0.0, weights).item() == pytest.approx(theirs.item(), rel=1e-5)


def test_weights_of_one_change_nothing_whatever_the_smoothing() -> None:
    plain, weighted = (_training_loss(LOGITS, TARGETS, 0.1, weights) for weights in (None, torch.ones(3)))
    assert weighted.item() == pytest.approx(plain.item(), rel=1e-6)


def test_a_mixed_image_counts_the_weights_of_both_classes_by_their_shares() -> None:
    weights = torch.tensor([4.0, 1.0, 1.0])
    mixed = torch.tensor([[0.75, 0.25, 0.0]])
    plain = _training_loss(LOGITS[:1], mixed, 0.0, None)
    assert _training_loss(LOGITS[:1], mixed, 0.0, weights).item() == pytest.approx(3.25 * plain.item(), rel=1e-5)


def test_with_weights_all_classes_pull_alike_on_balance() -> None:
    labels = torch.tensor([0] * 9 + [1])
    targets = torch.nn.functional.one_hot(labels, 2).float()
    logits = torch.zeros(10, 2, requires_grad=True)
    _training_loss(logits, targets, 0.0, torch.tensor(class_weights([9, 1]))).backward()
    assert logits.grad is not None
    assert logits.grad.sum(0).abs().max() < 1e-6


@pytest.fixture
def unequal(tmp_path: Path) -> Dataset:
    return split(scan(write_classes(tmp_path / "data", {"red": 40, "blue": 6})), 0.25, 0)


@pytest.mark.parametrize(("balance", "is_told"), [("auto", True), ("off", False)])
def test_a_run_tells_that_rare_classes_count_more(
    unequal: Dataset, tmp_path: Path, balance: Balance, is_told: bool
) -> None:
    config = RunConfig().changed("data", image_size=16)
    config = config.changed("training", epochs=1, batch_size=8, device="cpu", balance=balance)
    events: list[Event] = []
    run = run_to_end(jobs.train(unequal, config, tmp_path / "run"), events.append)
    told = [event.message for event in events if isinstance(event, Warned)]
    assert any("7.5 times" in message for message in told) == is_told
    assert run.model_path.is_file()
