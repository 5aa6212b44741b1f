"""Tests of the run folder."""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from engine.config import RunConfig
from engine.dataset import Dataset, Sample
from engine.errors import EngineError
from engine.events import EpochDone, Event, Progress, RunDone, Scores, TrainScores, Warned
from engine.journal import record
from engine.runs import Run, create_run, list_runs, new_run_path

DATASET = Dataset(Path("/data"), ("a", "b"), (Sample("a/1.png", 0), Sample("b/1.png", 1, "val")))
EPOCH = EpochDone(
    epoch=1, epochs=2, train=TrainScores(loss=1, accuracy=0.5, plain_accuracy=0.5), val=Scores(loss=1, accuracy=0.75),
    lr=0.1, seconds=1, best=True,
)  # fmt: skip


def _work(ended: list[str]) -> Generator[Event, None, str]:
    try:
        yield Progress(stage="train", done=1, total=2)
        yield EPOCH
        yield Warned(message="odd")
    finally:
        ended.append("saved")
    return "result"


def test_a_new_run_holds_its_settings_and_its_split(tmp_path: Path) -> None:
    config = RunConfig().changed("training", epochs=3)
    run = create_run(tmp_path / "run", config, DATASET)
    assert run.config == config
    assert run.dataset.samples == DATASET.samples


def test_a_folder_that_holds_something_is_not_taken_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(EngineError, match="not empty"):
        create_run(tmp_path, RunConfig(), DATASET)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["thesis.txt"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EngineError, match="could not be saved"):
        create_run(tmp_path / "run", RunConfig(), DATASET)


def test_the_journal_gets_everything_but_progress_and_the_result_is_handed_on(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    events = record(run, _work([]))
    assert len([next(events) for _ in range(3)]) == 3
    with pytest.raises(StopIteration, match="result"):
        next(events)
    assert list(run.events()) == [EPOCH, Warned(message="odd")]


def test_a_stopped_run_says_so_after_it_has_saved(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    ended: list[str] = []
    events = record(run, _work(ended))
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
        list(record(run, fail()))
    assert list(run.events())[-1] == Warned(message="The disk is full.")


def test_a_torn_last_line_costs_that_line_alone(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    list(record(run, _work([])))
    with open(run.events_path, "a") as journal:
        journal.write('{"event": "epoch_do')
    assert len(list(run.events())) == 2


def test_runs_are_listed_the_latest_first_and_other_folders_not_at_all(tmp_path: Path) -> None:
    for age, name in ((300, "old"), (100, "new")):
        run = create_run(tmp_path / name, RunConfig(), DATASET)
        os.utime(run.config_path, (1e9 - age, 1e9 - age))
    (tmp_path / "other").mkdir()
    assert [run.name for run in list_runs(tmp_path)] == ["new", "old"]
    assert list_runs(tmp_path / "none") == []


def test_a_new_run_never_lands_on_an_old_one(tmp_path: Path) -> None:
    first = new_run_path(Path("/photos/ants"), tmp_path)
    first.mkdir()
    second = new_run_path(Path("/photos/ants"), tmp_path)
    assert first.name.startswith("ants")
    assert second != first


def test_a_run_without_a_journal_has_no_events(tmp_path: Path) -> None:
    assert list(Run(tmp_path).events()) == []


def test_the_split_file_names_every_file_its_class_and_its_split(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATASET)
    assert json.loads(run.split_path.read_text())["files"][1] == {
        "path": "b/1.png",
        "class": "b",
        "split": "val",
        "group": None,
    }
