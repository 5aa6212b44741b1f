"""Tests of running and transforming jobs."""

from collections.abc import Generator

import pytest

from engine.core.event_stream import StoppedByUserError, map_events, run_to_end


def _job(log: list[str]) -> Generator[int, None, str]:
    try:
        yield 1
        yield 2
        return "result"
    finally:
        log.append("closed")


def test_a_job_runs_to_its_result_and_each_event_is_handed_on() -> None:
    events: list[int] = []
    assert run_to_end(_job([]), events.append) == "result"
    assert events == [1, 2]


def test_a_stopped_job_is_closed() -> None:
    log: list[str] = []
    events: list[int] = []
    with pytest.raises(StoppedByUserError):
        run_to_end(_job(log), events.append, lambda: bool(events))
    assert events == [1]
    assert log == ["closed"]


def test_events_are_mapped_and_the_result_is_kept() -> None:
    events: list[str] = []
    assert run_to_end(map_events(_job([]), lambda number: "ab" * number), events.append) == "result"
    assert events == ["a", "b", "a", "b", "a", "b"]


def test_closing_mapped_events_closes_the_job() -> None:
    log: list[str] = []
    mapped = map_events(_job(log), lambda number: [number])
    next(mapped)
    mapped.close()
    assert log == ["closed"]
