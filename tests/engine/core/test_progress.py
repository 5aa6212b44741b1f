"""Tests of progress events."""

import pytest

from engine.core import progress
from engine.core.progress import Ticker


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_at_most_ten_events_per_second_are_sent(clock: _Clock) -> None:
    ticker = Ticker("train", total=10_000)
    num_events = 0
    for done in range(1, 1000):
        clock.now += 0.001
        num_events += len(list(ticker.at(done)))
    assert 9 <= num_events <= 11


def test_the_end_of_a_stage_is_always_reported_with_its_speed(clock: _Clock) -> None:
    ticker = Ticker("train", total=50)
    clock.now += 1
    assert [event.images_per_second for event in ticker.at(40)] == [40]
    clock.now += 0.01
    (event,) = ticker.at(50)
    assert (event.done, event.total) == (50, 50)
    assert event.images_per_second == pytest.approx(50 / 1.01)


def test_a_download_has_no_speed_in_images(clock: _Clock) -> None:
    clock.now += 1
    (event,) = Ticker("download", total=10).at(10)
    assert event.images_per_second is None
