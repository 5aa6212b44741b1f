"""Tests of going on: whatever the moment a run is cut off at, its end is that of a run left alone."""

import shutil
from pathlib import Path

import pytest
import torch

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, Progress, RunDone, RunStarted
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.training.checkpoint import read_checkpoint
from engine.runs.run_folder import Run
from tests.fault_table import ending
from tests.pictures import write_classes

TINY = (
    RunConfig()
    .changed("data", image_size=16)
    .changed("training", epochs=2, batch_size=8, device="cpu", checkpoint_minutes=0)
    .changed("optim", lr=5e-3)
)
EVERYTHING = (
    TINY.changed("training", epochs=3, ema_decay=0.9, early_stopping=2)
    .changed("augment", mixup_alpha=0.4, cutmix_alpha=1.0, random_erasing=0.5)
    .changed("model", dropout=0.3)
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = write_classes(tmp_path_factory.mktemp("data"), {"red": 10, "green": 10, "blue": 10})
    return split(scan(root), 0.25, 0)


def _copies_at_events(work: jobs.EventStream[Run], run: Path, folder: Path, every: int) -> list[Run]:
    """Pull `work` to its end; at every n-th event copy the run folder, as a power cut would leave it."""
    copies: list[Run] = []
    for number, _ in enumerate(work):
        if number % every == 0 and (run / "config.json").is_file():
            copies.append(Run(Path(shutil.copytree(run, folder / f"cut {number}"))))
    return copies


@pytest.mark.parametrize(
    "config",
    [
        EVERYTHING,
        TINY.changed("optim", name="sgd"),
        TINY.changed("training", mode="head"),
        TINY.changed("training", mode="quick"),
        TINY.changed("training", checkpoint_minutes=1440),
    ],
    ids=["everything", "sgd", "head", "quick", "few_checkpoints"],
)
def test_a_run_cut_off_at_any_event_ends_as_one_that_was_left_alone(
    dataset: Dataset, tmp_path: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.core.progress.SECONDS_BETWEEN", 0)  # an event after every batch
    alone = tmp_path / "alone"
    copies = _copies_at_events(jobs.train(dataset, config, alone), alone, tmp_path, every=3)
    expected = ending(Run(alone))
    assert len(copies) >= 4
    for copy in copies:
        if copy.is_finished:
            continue
        assert ending(run_to_end(jobs.resume(copy.path))) == expected
        assert not copy.checkpoint_path.exists()


def test_a_run_goes_on_within_its_epoch_and_not_before(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.core.progress.SECONDS_BETWEEN", 0)
    work = jobs.train(dataset, TINY, tmp_path / "run")
    for event in work:
        if isinstance(event, Progress) and event.stage == "train" and event.epoch == 2 and event.done == 16:
            break
    work.close()
    events: list[Event] = []
    run_to_end(jobs.resume(tmp_path / "run"), events.append)
    assert [event.epoch for event in events if isinstance(event, EpochDone)] == [2]
    steps = [event.done for event in events if isinstance(event, Progress) and event.stage == "train"]
    assert steps == [24]


def test_a_stopped_run_may_go_on_and_is_over_then(dataset: Dataset, tmp_path: Path) -> None:
    alone = run_to_end(jobs.train(dataset, TINY, tmp_path / "alone"))
    work = jobs.train(dataset, TINY, tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    work.close()
    run = Run(tmp_path / "run")
    assert not run.is_finished
    assert run.history.done is not None
    run_to_end(jobs.resume(run.path))
    assert run.is_finished
    assert ending(run) == ending(alone)
    with pytest.raises(EngineError, match="it is over"):
        next(jobs.resume(run.path))


def test_a_run_that_had_not_begun_begins(dataset: Dataset, tmp_path: Path) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    assert isinstance(next(work), RunStarted)
    copy = Path(shutil.copytree(tmp_path / "run", tmp_path / "copy"))
    work.close()
    assert ending(run_to_end(jobs.resume(copy))) == ending(run_to_end(jobs.resume(tmp_path / "run")))


def test_a_budget_goes_on_with_the_time_that_is_left(dataset: Dataset, tmp_path: Path) -> None:
    config = TINY.changed("training", budget="2s")
    work = jobs.train(dataset, config, tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    work.close()
    checkpoint = read_checkpoint(Run(tmp_path / "run").checkpoint_path)
    assert checkpoint is not None
    events: list[Event] = []
    run_to_end(jobs.resume(tmp_path / "run"), events.append)
    (done,) = (event for event in events if isinstance(event, RunDone))
    assert 0 < checkpoint.seconds < done.seconds


def test_the_model_can_be_opened_from_the_first_event_on(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.core.progress.SECONDS_BETWEEN", 0)
    picture = [dataset.root / dataset.samples[0].path]
    has_begun = False
    for event in jobs.train(dataset, TINY, tmp_path / "run"):
        has_begun = has_begun or isinstance(event, RunStarted)
        if has_begun:
            assert run_to_end(jobs.predict(tmp_path / "run" / "model.safetensors", picture)) == 1


@pytest.mark.parametrize("position", [10, -5])
def test_a_checkpoint_that_was_altered_is_refused_with_a_sentence(
    dataset: Dataset, tmp_path: Path, position: int
) -> None:
    run = _stopped(dataset, tmp_path / "run")
    content = bytearray(run.checkpoint_path.read_bytes())
    content[position] ^= 1
    run.checkpoint_path.write_bytes(content)
    with pytest.raises(EngineError, match="checkpoint of this run is damaged"):
        run_to_end(jobs.resume(run.path))


def test_torch_opens_a_checkpoint_by_itself(dataset: Dataset, tmp_path: Path) -> None:
    state = torch.load(_stopped(dataset, tmp_path / "run").checkpoint_path, weights_only=True)
    assert state["epoch"] == 1


def test_images_that_are_gone_are_a_sentence_and_the_run_can_go_on_later(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 10, "blue": 10})
    run = _stopped(split(scan(root), 0.25, 0), tmp_path / "run")
    root.rename(tmp_path / "away")
    with pytest.raises(EngineError, match="images of this run are missing"):
        run_to_end(jobs.resume(run.path))
    (tmp_path / "away").rename(root)
    assert run_to_end(jobs.resume(run.path)).is_finished


def test_a_crash_leaves_no_temporary_file_behind_for_good(dataset: Dataset, tmp_path: Path) -> None:
    run = _stopped(dataset, tmp_path / "run")
    (run.path / ".checkpoint-0123abcd.pt").write_bytes(bytes(100))
    run_to_end(jobs.resume(run.path))
    assert [path.name for path in run.path.iterdir() if path.name.startswith(".")] == [".lock"]


def test_two_programs_do_not_work_on_one_run(dataset: Dataset, tmp_path: Path) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    next(work)
    for other in (jobs.resume(tmp_path / "run"), jobs.train(dataset, TINY, tmp_path / "run")):
        with pytest.raises(EngineError, match="Another window or program is working on this run"):
            run_to_end(other)
    work.close()
    assert run_to_end(jobs.resume(tmp_path / "run")).is_finished


def _stopped(dataset: Dataset, path: Path) -> Run:
    work = jobs.train(dataset, TINY, path)
    while not isinstance(next(work), EpochDone):
        pass
    work.close()
    return Run(path)


def test_a_folder_that_holds_no_run_keeps_what_lies_there(dataset: Dataset, tmp_path: Path) -> None:
    for name in (".notes-deadbeef.txt", "thesis.txt"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(EngineError, match="not empty"):
        run_to_end(jobs.train(dataset, TINY, tmp_path))
    assert (tmp_path / ".notes-deadbeef.txt").read_text() == "mine"
