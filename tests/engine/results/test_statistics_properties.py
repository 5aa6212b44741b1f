"""Property test of confidence intervals."""

from hypothesis import assume, given
from hypothesis import strategies as st

from engine.results.statistics import wilson_interval


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_wilson_interval_contains_the_proportion_and_lies_between_0_and_1(num_correct: int, total: int) -> None:
    assume(num_correct <= total)
    low, high = wilson_interval(num_correct, total)
    assert 0 <= low <= num_correct / total + 1e-12
    assert num_correct / total - 1e-12 <= high <= 1
