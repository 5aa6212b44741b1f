"""Property tests of the learning-rate schedule."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.config.schedule import planned_multipliers, rate_multiplier


@given(st.integers(1, 3000), st.integers(0, 3000))
@settings(max_examples=60)
def test_the_rate_rises_during_warm_up_and_then_falls_to_almost_zero(total: int, warmup: int) -> None:
    assume(warmup < total)
    rates = [rate_multiplier(step, total, warmup) for step in range(total)]
    assert all(0 < rate <= 1 for rate in rates)
    up, down = rates[:warmup], rates[warmup:]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    assert down[0] == 1
    assert len(down) < 20 or down[-1] < 0.01


@given(st.integers(1, 200), st.floats(0, 1000))
@settings(max_examples=40)
def test_a_planned_schedule_has_20_values_per_epoch_between_0_and_1(epochs: int, warmup_epochs: float) -> None:
    planned = planned_multipliers(epochs, warmup_epochs)
    assert len(planned) == 20 * epochs
    assert all(0 <= rate <= 1 for rate in planned)
