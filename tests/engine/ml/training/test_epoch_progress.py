"""Tests of the progress of an epoch and of its end at a deadline, on a tiny network."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.core.events import Progress
from engine.ml.training.epoch import is_out_of_time
from engine.ml.training.state import VALIDATION_COST, TrainState
from engine.results.evaluation import Unreadable
from tests.engine.ml.training.tiny_epoch import make_batches_phase, run_epoch
from tests.engine.ml.training.tiny_state import make_batch, make_phase, make_state


def test_a_phase_is_out_of_time_if_two_steps_and_a_validation_do_not_fit_before_the_deadline() -> None:
    state = make_state()
    phase = make_phase(state)
    state.num_steps_done, state.step_seconds, state.validation_seconds = 5, 1.0, 3.0
    phase.clock, phase.deadline = lambda: 100.0, 105.1
    assert not is_out_of_time(state, phase)
    phase.deadline = 104.9
    assert is_out_of_time(state, phase)


def test_a_phase_without_a_deadline_is_never_out_of_time() -> None:
    state = make_state()
    state.num_steps_done, state.step_seconds, state.validation_seconds = 5, 1e9, 1e9
    assert not is_out_of_time(state, make_phase(state))


def test_the_time_of_a_step_is_known_after_two_steps_and_before_that_a_phase_continues() -> None:
    state = make_state()
    phase = make_phase(state)
    phase.clock, phase.deadline = lambda: 100.0, 50.0
    state.num_steps_done = 1
    assert not is_out_of_time(state, phase)
    state.num_steps_done = 2
    assert is_out_of_time(state, phase)


def test_before_the_first_validation_its_duration_is_estimated_from_the_duration_of_a_step() -> None:
    state = make_state()
    phase = make_phase(state)
    phase.batch_size = 3  # 6 validation images make 2 steps
    state.num_steps_done, state.step_seconds = 5, 10.0
    needed = VALIDATION_COST * 2 * 10.0 + 2 * 10.0
    phase.clock, phase.deadline = lambda: 100.0, 100.0 + needed + 0.1
    assert not is_out_of_time(state, phase)
    phase.deadline = 100.0 + needed
    assert is_out_of_time(state, phase)


def test_progress_reports_the_images_done_and_the_mean_loss_since_the_last_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.core.progress.SECONDS_BETWEEN", 0)
    losses = iter([torch.tensor([12.0, 0.0, 6.0]), torch.tensor([3.0, 0.0, 3.0])])
    monkeypatch.setattr("engine.ml.training.epoch.train_step", lambda *_, **__: next(losses))
    state = make_state()
    state.epoch = 2
    unreadable = (Unreadable(path="9.png", reason="It is damaged."),)
    batches = make_batch(), replace(make_batch([0, 1, 2]), unreadable=unreadable)
    scores, events = run_epoch(state, make_batches_phase(state, *batches, num_samples=10))
    progress = [event for event in events if isinstance(event, Progress)]
    assert [(event.stage, event.epoch, event.done, event.total, event.loss) for event in progress] == [
        ("train", 3, 6, 10, 2.0),
        ("train", 3, 10, 10, 1.0),
    ]
    assert scores.loss == pytest.approx(15 / 9)


def test_progress_of_a_resumed_epoch_continues_where_it_was_interrupted_and_ends_at_the_total() -> None:
    state = make_state()
    state.num_batches_done = 1
    phase = make_batches_phase(state, make_batch(), make_batch(), num_samples=10)
    _, events = run_epoch(state, phase)
    assert [event.done for event in events if isinstance(event, Progress)] == [10]


def test_progress_has_the_remaining_time_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrainState, "seconds", 10.0)
    state = make_state(epochs=2)
    phase = make_phase(state)
    _, events = run_epoch(state, phase)
    (progress,) = (event for event in events if isinstance(event, Progress))
    assert progress.seconds_left == pytest.approx(10.0 / 6 * (14.4 - 6))


def test_the_images_of_all_epochs_count_as_work() -> None:
    state = make_state()
    phase = make_phase(state)
    for _ in range(2):
        run_epoch(state, phase)
        state.num_batches_done = 0
    assert state.work_done == 12


def test_the_duration_of_a_step_is_the_mean_over_the_steps_since_the_epoch_began_or_was_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]

    def train(*_: object, **__: object) -> Tensor:
        now[0] += 6.0
        return torch.ones(3)

    monkeypatch.setattr("engine.ml.training.epoch.time.monotonic", lambda: now[0])
    monkeypatch.setattr("engine.ml.training.epoch.train_step", train)
    for first in (0, 1):
        state = make_state()
        state.num_batches_done = first
        run_epoch(state, make_batches_phase(state, *[make_batch()] * 3, num_samples=18))
        assert state.step_seconds == pytest.approx(6.0)


def test_an_epoch_ends_at_the_deadline_of_its_phase() -> None:
    state = make_state()
    phase = make_batches_phase(state, *[make_batch()] * 5, num_samples=30)
    phase.clock, phase.began, phase.deadline = lambda: 100.0, 100.0, 99.0
    scores, _ = run_epoch(state, phase)
    assert state.num_batches_done == 2, "the duration of a step is unknown before"
    assert math.isfinite(scores.loss)
