"""Tests of the journal of a run."""

import errno
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.events import Event, Progress, RunDone, Warned
from engine.runs.event_log import log_events
from engine.runs.run_folder import create_run
from tests.engine.runs.test_run_folder import DATASET, EPOCH


def _work(ended: list[str]) -> Generator[Event, None, str]:
    try:
        yield Progress(stage="train", done=1, total=2)
        yield EPOCH
        yield Warned(message="odd")
    finally:
        ended.append("saved")
    return "result"


def test_the_journal_gets_everything_but_progress_and_the_result_is_handed_on(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    events = log_events(run, _work([]))
    assert len([next(events) for _ in range(3)]) == 3
    with pytest.raises(StopIteration, match="result"):
        next(events)
    assert list(run.events()) == [EPOCH, Warned(message="odd")]


def test_a_stopped_run_says_so_after_it_has_saved(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    ended: list[str] = []
    events = log_events(run, _work(ended))
    next(events), next(events)
    events.close()
    assert ended == ["saved"]
    last = list(run.events())[-1]
    assert isinstance(last, RunDone)
    assert last.stopped
    assert last.best is not None
    assert last.best.accuracy == 0.75


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    def fail() -> Generator[Event, None, None]:
        yield EPOCH
        raise EngineError("The disk is full.")

    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    with pytest.raises(EngineError):
        list(log_events(run, fail()))
    assert list(run.events())[-1] == Warned(message="The disk is full.")


def test_a_torn_last_line_costs_that_line_alone(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    list(log_events(run, _work([])))
    with open(run.events_path, "a") as journal:
        journal.write('{"event": "epoch_do')
    assert len(list(run.events())) == 2


def test_letters_that_end_lines_elsewhere_end_none_here(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    odd = Warned(message="a\u2028b\u2029c\x85d\x0be", path="f\x1cg")
    list(log_events(run, (event for event in [odd])))  # type: ignore[arg-type]
    assert list(run.events()) == [odd]


def test_lines_that_the_disk_refuses_are_told_of_once_and_written_when_it_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    events = [EPOCH, Warned(message="one"), Warned(message="two")]
    work = log_events(run, (event for event in events))  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _refuse)
        told = [next(work) for _ in range(3)]
    assert told[0] == EPOCH
    assert isinstance(told[1], Warned)
    assert told[1].message.startswith("The journal of this run cannot be written: No space left on device.")
    assert told[2] == events[1]
    assert list(work) == [events[2]]
    assert list(run.events()) == events


def test_a_journal_that_is_refused_to_the_end_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    monkeypatch.setattr(os, "write", _refuse)
    with pytest.raises(EngineError, match="Free some space, then resume the run"):
        list(log_events(run, (event for event in [EPOCH])))  # type: ignore[arg-type]


def test_what_is_written_behind_a_torn_line_is_read(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    run.events_path.write_text('{"event": "epoch_do')
    list(log_events(run, _work([])))
    assert list(run.events()) == [EPOCH, Warned(message="odd")]


def _refuse(_descriptor: int, _content: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
