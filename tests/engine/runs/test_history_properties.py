"""Property test of the history of a run."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.runs.history import History
from tests.engine.strategies import events


@given(st.lists(events, max_size=20))
def test_a_history_accepts_events_in_any_order(logged: list[Any]) -> None:
    history = History.from_events(logged)
    numbers = [epoch.epoch for epoch in history.epochs]
    assert numbers == sorted(set(numbers))
    assert history.interval.low >= 0
    assert history.interval.high <= 1
