"""Tests of the length and the learning rate schedule of a phase."""

import pytest
import torch

from engine.ml.training.phases import MAX_WARMUP_STEPS, Phase
from tests.engine.ml.training.tiny_state import TensorSource, make_batch, make_model


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def _make_phase(num_epochs: int | None, warmup_epochs: float = 0.0, deadline: float | None = None) -> Phase:
    """Return a phase of three steps per epoch that begins at 100 seconds."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))])
    source = TensorSource(make_model(), make_batch())
    return Phase("full", source, lambda: optimizer, num_epochs, 2, warmup_epochs, deadline=deadline, clock=Clock())


def _factors_at(phase: Phase, *times: float) -> list[float]:
    factors = []
    for time in times:
        phase.clock.now = time  # type: ignore[attr-defined]
        factors.append(phase.lr_factor(0))
    return factors


def test_an_epoch_has_as_many_steps_as_batches() -> None:
    assert _make_phase(1).steps_per_epoch == 3


def test_the_learning_rate_decays_to_zero_over_the_steps_of_all_epochs() -> None:
    phase = _make_phase(num_epochs=4)
    assert [phase.lr_factor(step) for step in (0, 6, 12)] == pytest.approx([1.0, 0.5, 0.0])


def test_the_learning_rate_rises_during_the_warmup_epochs() -> None:
    phase = _make_phase(num_epochs=4, warmup_epochs=2)
    assert [phase.lr_factor(step) for step in (0, 2, 5, 6)] == pytest.approx([1 / 6, 3 / 6, 1.0, 1.0])


def test_a_warmup_longer_than_the_phase_ends_with_it() -> None:
    assert _make_phase(num_epochs=2, warmup_epochs=100).lr_factor(5) == 1.0


def test_a_phase_with_epochs_and_a_deadline_follows_the_steps() -> None:
    phase = _make_phase(num_epochs=4, deadline=200.0)
    assert phase.lr_factor(6) == pytest.approx(0.5)


def test_under_a_time_budget_the_learning_rate_follows_the_time() -> None:
    rising, decaying = (100.0, 102.5, 105.0), (105.0, 152.5, 200.0, 250.0)
    phase = _make_phase(num_epochs=None, deadline=200.0)
    factors = _factors_at(phase, *rising)
    assert factors[0] < factors[1] < factors[2]
    assert _factors_at(phase, *decaying) == pytest.approx([1.0, 0.5, 0.0, 0.0], abs=1e-3)


def test_a_time_budget_of_less_than_a_second_is_scheduled_too() -> None:
    assert _factors_at(_make_phase(num_epochs=None, deadline=100.2), 100.105) == pytest.approx([0.5], abs=0.01)


def test_a_phase_that_begins_at_its_deadline_does_not_divide_by_zero() -> None:
    assert _factors_at(_make_phase(num_epochs=None, deadline=100.0), 100.0, 101.0)[1] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("warmup_epochs", "num_warmup_steps"), [(0.0, 1), (1.0, 3), (2.0, 6), (100.0, MAX_WARMUP_STEPS)]
)
def test_a_slow_computer_warms_up_for_a_number_of_steps_although_the_budget_is_used_up_sooner(
    warmup_epochs: float, num_warmup_steps: int
) -> None:
    phase = _make_phase(num_epochs=None, warmup_epochs=warmup_epochs, deadline=200.0)
    phase.clock.now = 105.0  # type: ignore[attr-defined]
    factors = [phase.lr_factor(step) for step in range(num_warmup_steps + 1)]
    assert factors[:num_warmup_steps] == pytest.approx([(n + 1) / num_warmup_steps for n in range(num_warmup_steps)])
    assert factors[-1] == 1.0
