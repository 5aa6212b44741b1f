"""Tests of the event log of a run."""

import errno
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.core.events import Event, Progress, RunDone, Warned
from engine.runs.event_log import log_events
from engine.runs.run_folder import create_run
from tests.engine.runs.test_run_folder import DATASET, EPOCH
from tests.scratch_config import scratch_config


def _job(steps: list[str]) -> Generator[Event, None, str]:
    try:
        yield Progress(stage="train", done=1, total=2)
        yield EPOCH
        yield Warned(message="odd")
    finally:
        steps.append("saved")
    return "result"


def test_every_event_but_progress_is_logged_and_the_result_is_returned(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    events = log_events(run, _job([]))
    assert len([next(events) for _ in range(3)]) == 3
    with pytest.raises(StopIteration, match="result"):
        next(events)
    assert list(run.events()) == [EPOCH, Warned(message="odd")]


def test_a_stopped_run_is_logged_as_stopped_after_it_has_saved(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    steps: list[str] = []
    events = log_events(run, _job(steps))
    next(events), next(events)
    events.close()
    assert steps == ["saved"]
    last = list(run.events())[-1]
    assert isinstance(last, RunDone)
    assert last.stopped
    assert last.best is not None
    assert last.best.accuracy == 0.75


def test_the_error_of_a_failed_run_is_logged(tmp_path: Path) -> None:
    def fail() -> Generator[Event, None, None]:
        yield EPOCH
        raise EngineError("The disk is full.")

    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    with pytest.raises(EngineError):
        list(log_events(run, fail()))
    assert list(run.events())[-1] == Warned(message="The disk is full.")


def test_only_an_incomplete_last_line_is_lost(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    list(log_events(run, _job([])))
    with open(run.events_path, "a") as log:
        log.write('{"event": "epoch_do')
    assert len(list(run.events())) == 2


def test_unicode_line_separators_do_not_split_a_line(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    odd = Warned(message="a\u2028b\u2029c\x85d\x0be", path="f\x1cg")
    list(log_events(run, (event for event in [odd])))  # type: ignore[arg-type]
    assert list(run.events()) == [odd]


def test_a_failed_write_warns_once_and_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    events = [EPOCH, Warned(message="one"), Warned(message="two")]
    job = log_events(run, (event for event in events))  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _refuse)
        received = [next(job) for _ in range(3)]
    assert received[0] == EPOCH
    assert isinstance(received[1], Warned)
    assert received[1].message.startswith("The event log of this run cannot be written: No space left on device.")
    assert received[2] == events[1]
    assert list(job) == [events[2]]
    assert list(run.events()) == events


def test_a_log_that_can_never_be_written_raises_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    monkeypatch.setattr(os, "write", _refuse)
    with pytest.raises(EngineError, match="Free some space, then resume the run"):
        list(log_events(run, (event for event in [EPOCH])))  # type: ignore[arg-type]


def test_events_after_an_incomplete_line_are_read(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    run.events_path.write_text('{"event": "epoch_do')
    list(log_events(run, _job([])))
    assert list(run.events()) == [EPOCH, Warned(message="odd")]


def _refuse(_descriptor: int, _content: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
