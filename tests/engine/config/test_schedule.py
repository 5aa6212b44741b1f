"""Tests of the learning-rate schedule."""

import math

import pytest

from engine.config.schedule import planned_multipliers, rate_multiplier


def test_the_warm_up_is_linear_up_to_the_peak() -> None:
    assert [rate_multiplier(step, 100, 4) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_without_warm_up_the_first_step_has_the_peak_rate() -> None:
    assert rate_multiplier(0, 10, 0) == 1.0


def test_a_warm_up_as_long_as_the_run_never_decays() -> None:
    rates = [rate_multiplier(step, 5, 5) for step in range(5)]
    assert rates == sorted(rates)
    assert rates[-1] == 1.0


def test_the_rate_is_half_in_the_middle_of_the_decay() -> None:
    assert rate_multiplier(60, 100, 20) == pytest.approx(0.5)


def test_the_decay_is_half_a_cosine() -> None:
    for step in range(20, 100):
        assert rate_multiplier(step, 100, 20) == pytest.approx(0.5 * (1 + math.cos(math.pi * (step - 20) / 80)))


@pytest.mark.parametrize(("total", "warmup"), [(1, 0), (1, 1), (2, 1), (7, 3), (1000, 1000), (50, 49)])
def test_no_step_has_a_rate_of_zero(total: int, warmup: int) -> None:
    assert all(0 < rate_multiplier(step, total, warmup) <= 1 for step in range(total))


def test_the_rate_stays_zero_after_the_last_step() -> None:
    assert rate_multiplier(150, 100, 0) == pytest.approx(0)


@pytest.mark.parametrize(("epochs", "warmup"), [(1, 0), (1, 0.5), (3, 10)])
def test_the_planned_curve_covers_the_whole_run(epochs: int, warmup: float) -> None:
    curve = planned_multipliers(epochs, warmup, points_per_epoch=20)
    assert len(curve) == 20 * epochs
    assert max(curve) <= 1
