"""Tests of the state of a run before its first step."""

import pytest
import torch

from engine.audit.class_balance import class_weights
from engine.config.settings import Balance
from tests.engine.ml.training.tiny_state import make_phase, make_state

UNEQUAL = [0] * 40 + [1] * 6 + [2] * 6
EQUAL = [0, 1, 2]


@pytest.mark.parametrize(
    ("balance", "labels", "is_weighted"),
    [
        ("auto", UNEQUAL, True),
        ("auto", EQUAL, False),
        ("off", UNEQUAL, False),
        ("loss", EQUAL, True),
    ],
)
def test_class_weights_are_used_and_announced_as_the_settings_say(
    balance: Balance, labels: list[int], is_weighted: bool
) -> None:
    state = make_state(labels=labels, balance=balance)
    assert (state.class_weights is not None) == is_weighted
    assert len(state.notices) == int(is_weighted)
    if state.class_weights is not None:
        counts = [labels.count(label) for label in range(3)]
        assert state.class_weights.tolist() == pytest.approx(class_weights(counts))


def test_a_warning_names_the_ratio_of_the_class_sizes() -> None:
    (notice,) = make_state(labels=UNEQUAL, balance="auto").notices
    assert "6.7 times" in notice


def test_seconds_left_is_extrapolated_from_the_images_done() -> None:
    state = make_state(epochs=2)
    phase = make_phase(state)
    assert state.seconds_left(phase, 0) is None
    state.started -= 10.0
    state.work_done = 7.2  # one of two epochs of 6 training images and 6 validation images at 1/5
    assert state.seconds_left(phase, 0) == pytest.approx(10.0, abs=0.1)


def test_seconds_left_of_a_time_budget_is_the_rest_of_the_budget() -> None:
    state = make_state(budget_seconds=60.0)
    state.started -= 10.0
    assert state.seconds_left(make_phase(state), 0) == pytest.approx(50.0, abs=0.1)


def test_sums_start_at_zero() -> None:
    assert torch.equal(make_state().sums, torch.zeros(3))
