"""Tests of one epoch of training and validation, on a tiny network."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from engine.core.event_stream import run_to_end
from engine.core.events import Event, TrainScores, Warned
from engine.ml.runtime.errors import DivergedError
from engine.ml.training.epoch import is_out_of_time, train_epoch
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState
from engine.ml.training.validation import validate
from tests.engine.ml.training.tiny_state import make_phase, make_state

WRITER = SimpleNamespace(is_due=lambda **_: False)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


def _train_epoch(state: TrainState, phase: Phase, phase_epoch: int = 0) -> tuple[TrainScores, list[Event]]:
    events: list[Event] = []
    scores = run_to_end(train_epoch(state, phase, phase_epoch, WRITER), events.append)  # type: ignore[arg-type]
    return scores, events


def _norm_statistics(state: TrainState) -> list[Tensor]:
    norm = state.setup.model.backbone[1]  # type: ignore[index]
    return [norm.running_mean.clone(), norm.running_var.clone()]  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("freezes_norms", [True, False])
def test_batchnorm_statistics_change_unless_the_phase_freezes_them(freezes_norms: bool) -> None:
    state = make_state()
    before = _norm_statistics(state)
    weight = state.setup.model.head.weight.detach().clone()
    _train_epoch(state, make_phase(state, freezes_norms=freezes_norms))
    is_unchanged = all(torch.equal(old, new) for old, new in zip(before, _norm_statistics(state)))
    assert is_unchanged == freezes_norms
    assert not torch.equal(weight, state.setup.model.head.weight), "the weights are trained in both cases"


def test_the_scores_are_means_over_the_images_of_the_epoch() -> None:
    state = make_state()
    scores, _ = _train_epoch(state, make_phase(state))
    loss, correct, num_images = state.sums.tolist()
    assert num_images == 6
    assert (scores.loss, scores.accuracy) == pytest.approx((loss / 6, correct / 6))
    assert state.num_batches_done == 1


def test_batches_that_were_trained_on_before_an_interruption_are_skipped() -> None:
    state = make_state()
    state.num_batches_done = 1
    state.sums = torch.tensor([6.0, 3.0, 6.0])
    before = state.setup.model.head.weight.detach().clone()
    scores, _ = _train_epoch(state, make_phase(state))
    assert (scores.loss, scores.accuracy) == (1.0, 0.5)
    assert torch.equal(before, state.setup.model.head.weight)


def test_each_step_uses_the_learning_rate_of_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    state = make_state()
    phase = make_phase(state, lr=0.5)
    monkeypatch.setattr(Phase, "lr_factor", lambda _, steps_done: 0.25 / (1 + steps_done))
    _train_epoch(state, phase, phase_epoch=1)
    assert phase.optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * 0.25 / 2)


def test_notices_of_the_state_become_warnings() -> None:
    state = make_state(labels=[0] * 40 + [1] * 6 + [2] * 6, balance="auto")
    (notice,) = state.notices
    _, events = _train_epoch(state, make_phase(state))
    assert [event.message for event in events if isinstance(event, Warned)] == [notice]
    assert not state.notices


@pytest.mark.parametrize(("epoch", "loss"), [(0, float("nan")), (1, 6 * 20.0)])
def test_a_loss_that_is_not_finite_or_far_above_guessing_is_a_diverged_run(epoch: int, loss: float) -> None:
    state = make_state()
    state.epoch, state.num_batches_done = epoch, 1
    state.sums = torch.tensor([loss, 3.0, 6.0])
    with pytest.raises(DivergedError, match="lower learning rate"):
        _train_epoch(state, make_phase(state))


def test_a_phase_is_out_of_time_if_two_steps_and_a_validation_do_not_fit_before_the_deadline() -> None:
    state = make_state()
    phase = make_phase(state)
    state.num_steps_done, state.step_seconds, state.validation_seconds = 5, 1.0, 3.0
    phase.clock, phase.deadline = lambda: 100.0, 105.1
    assert not is_out_of_time(state, phase)
    phase.deadline = 104.9
    assert is_out_of_time(state, phase)


def test_the_ema_weights_are_validated() -> None:
    state = make_state(ema_decay=0.9)
    phase = make_phase(state)
    with torch.no_grad():
        state.eval_model.head.weight.zero_()
        state.eval_model.head.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    predictions = run_to_end(validate(state, phase))
    assert torch.equal(predictions.logits, torch.tensor([[1.0, 2.0, 3.0]]).expand(6, 3))
