"""Tests of the run folder."""

import json
import os
from pathlib import Path

import pytest

from engine.core.atomic_write import append_line
from engine.core.errors import EngineError
from engine.core.events import EpochDone, RunDone, TrainScores, ValScores, to_line
from engine.core.locks import locked
from engine.data.dataset import Dataset, Sample
from engine.runs.run_folder import Run, create_run, interrupted_runs, list_runs, new_run_path, run_prefix
from tests.scratch_config import scratch_config

DATASET = Dataset(Path("/data"), ("a", "b"), (Sample("a/1.png", 0), Sample("b/1.png", 1, "val")))
EPOCH = EpochDone(
    epoch=1, epochs=2, train=TrainScores(loss=1, accuracy=0.5, plain_accuracy=0.5),
    val=ValScores(loss=1, accuracy=0.75), lr=0.1, seconds=1, best=True,
)  # fmt: skip


def test_a_new_run_contains_its_settings_and_split(tmp_path: Path) -> None:
    config = scratch_config().changed("training", epochs=3)
    run = create_run(tmp_path / "run", config, DATASET)
    assert run.config == config
    assert run.dataset.samples == DATASET.samples


def test_a_folder_with_other_files_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(EngineError, match="not empty"):
        create_run(tmp_path, scratch_config(), DATASET)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["thesis.txt"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_folder_that_cannot_be_created_raises_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EngineError, match="could not be saved"):
        create_run(tmp_path / "run", scratch_config(), DATASET)


def test_runs_are_listed_newest_first_and_other_folders_are_skipped(tmp_path: Path) -> None:
    for age, name in ((300, "old"), (100, "new")):
        run = create_run(tmp_path / name, scratch_config(), DATASET)
        os.utime(run.config_path, (1e9 - age, 1e9 - age))
    (tmp_path / "other").mkdir()
    assert [run.name for run in list_runs(tmp_path)] == ["new", "old"]
    assert list_runs(tmp_path / "none") == []


def test_a_new_run_never_reuses_an_existing_path(tmp_path: Path) -> None:
    first = new_run_path(Path("/photos/ants"), tmp_path)
    first.mkdir()
    second = new_run_path(Path("/photos/ants"), tmp_path)
    assert first.name.startswith("ants")
    assert second != first


def test_the_run_of_a_drive_is_named_after_the_drive(tmp_path: Path) -> None:
    assert new_run_path(Path(os.path.abspath(os.sep)), tmp_path).name[0] != " "


def test_the_run_of_a_folder_with_a_long_name_can_be_created(tmp_path: Path) -> None:
    root = tmp_path / ("ü" * 127)
    path = new_run_path(root, tmp_path)
    path.mkdir()
    assert path.name.startswith(f"{run_prefix(root)} ")


def test_a_run_without_an_event_log_has_no_events(tmp_path: Path) -> None:
    assert list(Run(tmp_path).events()) == []


def test_the_split_file_lists_every_image_with_class_and_split(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    assert json.loads(run.split_path.read_text("utf-8"))["files"][1] == {
        "path": "b/1.png",
        "class": "b",
        "split": "val",
        "group": None,
    }


def test_only_runs_that_neither_ended_nor_were_stopped_are_interrupted(tmp_path: Path) -> None:
    end = RunDone(model="m", seconds=1, stopped=False)
    ends = {
        "interrupted": None,
        "finished": end,
        "stopped": end.model_copy(update={"stopped": True}),
        "dismissed": None,
        "busy": None,
    }
    for name, done in ends.items():
        run = create_run(tmp_path / "runs" / name, scratch_config(), DATASET)
        append_line(run.events_path, to_line(EPOCH))
        if done is not None:
            append_line(run.events_path, to_line(done))
    Run(tmp_path / "runs" / "dismissed").mark_stopped()
    with locked(tmp_path / "runs" / "busy"):
        assert [run.name for run in interrupted_runs(tmp_path / "runs")] == ["interrupted"]
    assert {name for name in ends if Run(tmp_path / "runs" / name).is_finished} == {"finished"}


def test_leftovers_of_a_crash_during_creation_do_not_block_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    for name in ("split.json", ".split-0123abcd.json", ".lock"):
        (path / name).write_text("half")
    assert list_runs(tmp_path) == []
    assert create_run(path, scratch_config(), DATASET).dataset.samples == DATASET.samples


def test_a_run_in_use_cannot_be_marked_as_stopped(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    with locked(run.path), pytest.raises(EngineError, match="working on this run"):
        run.mark_stopped()
    assert run.history.done is None


@pytest.mark.parametrize("weights", ["none", "default"])
def test_weights_without_a_file_are_stored_by_name(tmp_path: Path, weights: str) -> None:
    run = create_run(tmp_path / "run", scratch_config().changed("model", weights=weights), DATASET)
    assert run.config.model.weights == weights


def test_the_settings_of_a_run_name_its_weights_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = create_run(tmp_path / "run", scratch_config().changed("model", weights="weights/own.pth"), DATASET)
    assert run.config.model.weights == str(tmp_path / "weights" / "own.pth")


def test_settings_that_are_resolved_later_do_not_change_the_date_of_the_run(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", scratch_config(), DATASET)
    os.utime(run.config_path, ns=(10**18, 10**18))
    config = scratch_config().changed("training", precision="bfloat16", threads=2)
    run.write_config(config)
    assert run.config == config
    assert run.config_path.stat().st_mtime_ns == 10**18
