"""Tests of resuming: whenever a run is interrupted, it ends with the same bits as an uninterrupted run."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, Progress, RunDone, RunStarted
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.training.checkpoint import read_checkpoint
from engine.ml.training.checkpoint_file import (
    read_checkpoint_metadata,
    read_checkpoint_tensors,
    write_checkpoint_file,
)
from engine.runs.run_folder import Run
from tests.fault_table import final_state
from tests.images import write_classes
from tests.scratch_config import scratch_config

TINY = (
    scratch_config()
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
    """Run `work` to its end; copy the run folder at every n-th event, as a power cut would leave it."""
    copies: list[Run] = []
    for number, _ in enumerate(work):
        if number % every == 0 and (run / "config.json").is_file():
            copies.append(Run(Path(shutil.copytree(run, folder / f"interrupted {number}"))))
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
def test_a_run_interrupted_at_any_event_ends_like_an_uninterrupted_one(
    dataset: Dataset, tmp_path: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.core.progress.SECONDS_BETWEEN", 0)  # an event after every batch
    alone = tmp_path / "uninterrupted"
    copies = _copies_at_events(jobs.train(dataset, config, alone), alone, tmp_path, every=3)
    expected = final_state(Run(alone))
    assert len(copies) >= 4
    for copy in copies:
        if copy.is_finished:
            continue
        assert final_state(run_to_end(jobs.resume(copy.path))) == expected
        assert not copy.checkpoint_path.exists()


def test_a_run_resumes_in_the_middle_of_its_epoch(
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


def test_a_stopped_run_can_be_resumed_until_it_is_finished(dataset: Dataset, tmp_path: Path) -> None:
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
    assert final_state(run) == final_state(alone)
    with pytest.raises(EngineError, match="cannot be resumed"):
        next(jobs.resume(run.path))


def test_a_run_interrupted_before_its_first_batch_can_be_resumed(dataset: Dataset, tmp_path: Path) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    next(event for event in work if isinstance(event, RunStarted))
    copy = Path(shutil.copytree(tmp_path / "run", tmp_path / "copy"))
    work.close()
    assert final_state(run_to_end(jobs.resume(copy))) == final_state(run_to_end(jobs.resume(tmp_path / "run")))


def test_a_resumed_run_uses_the_rest_of_its_time_budget(dataset: Dataset, tmp_path: Path) -> None:
    config = TINY.changed("training", budget="2s")
    work = jobs.train(dataset, config, tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    work.close()
    checkpoint = read_checkpoint(Run(tmp_path / "run"))
    assert checkpoint is not None
    events: list[Event] = []
    run_to_end(jobs.resume(tmp_path / "run"), events.append)
    (done,) = (event for event in events if isinstance(event, RunDone))
    assert 0 < checkpoint.seconds < done.seconds


def test_the_model_file_opens_after_every_event(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.core.progress.SECONDS_BETWEEN", 0)
    images = [dataset.root / dataset.samples[0].path]
    has_started = False
    for event in jobs.train(dataset, TINY, tmp_path / "run"):
        has_started = has_started or isinstance(event, RunStarted)
        if has_started:
            assert run_to_end(jobs.predict(tmp_path / "run" / "model.safetensors", images)) == 1


@pytest.mark.parametrize("position", [10, -5])
def test_an_altered_checkpoint_is_rejected(dataset: Dataset, tmp_path: Path, position: int) -> None:
    run = _stopped(dataset, tmp_path / "run")
    content = bytearray(run.checkpoint_path.read_bytes())
    content[position] ^= 1
    run.checkpoint_path.write_bytes(content)
    with pytest.raises(EngineError, match="checkpoint of this run is damaged"):
        run_to_end(jobs.resume(run.path))


def test_a_checkpoint_is_a_safetensors_file(dataset: Dataset, tmp_path: Path) -> None:
    run = _stopped(dataset, tmp_path / "run")
    assert run.checkpoint_path.name == "checkpoint.safetensors"
    assert {"model.head.bias", "optimizer.0.exp_avg", "random", "sums"} <= set(load_file(run.checkpoint_path))


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("model.head.bias", torch.zeros(2)),
        ("model.head.bias", torch.zeros(3, dtype=torch.float64)),
        ("model.other", torch.zeros(3)),
        ("optimizer.0.exp_avg", torch.zeros(1)),
        ("optimizer.9999.exp_avg", torch.zeros(1)),
        ("optimizer.0.other", torch.zeros(1)),
        ("random", torch.zeros(4, dtype=torch.uint8)),
        ("sums", torch.zeros(4)),
        ("warned", torch.zeros(4, dtype=torch.uint8)),
    ],
)
def test_a_checkpoint_of_another_network_is_rejected_although_its_hash_is_right(
    dataset: Dataset, tmp_path: Path, name: str, tensor: torch.Tensor
) -> None:
    run = _stopped(dataset, tmp_path / "run")
    metadata = read_checkpoint_metadata(run.checkpoint_path)
    tensors = {name: tensor.clone() for name, tensor in read_checkpoint_tensors(run.checkpoint_path).items()}
    write_checkpoint_file(run.checkpoint_path, metadata, tensors | {name: tensor})
    with pytest.raises(EngineError, match="checkpoint of this run is damaged"):
        run_to_end(jobs.resume(run.path))


def test_a_checkpoint_of_a_newer_version_is_rejected(dataset: Dataset, tmp_path: Path) -> None:
    run = _stopped(dataset, tmp_path / "run")
    metadata = read_checkpoint_metadata(run.checkpoint_path).model_copy(update={"version": 99})
    write_checkpoint_file(run.checkpoint_path, metadata, {})
    with pytest.raises(EngineError, match="newer Classifold"):
        run_to_end(jobs.resume(run.path))


def test_a_run_with_missing_images_can_be_resumed_when_they_are_back(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 10, "blue": 10})
    run = _stopped(split(scan(root), 0.25, 0), tmp_path / "run")
    root.rename(tmp_path / "away")
    with pytest.raises(EngineError, match="images of this run are no longer in this folder"):
        run_to_end(jobs.resume(run.path))
    (tmp_path / "away").rename(root)
    assert run_to_end(jobs.resume(run.path)).is_finished


def test_resuming_deletes_temporary_files_of_a_crash(dataset: Dataset, tmp_path: Path) -> None:
    run = _stopped(dataset, tmp_path / "run")
    (run.path / ".checkpoint-0123abcd.safetensors").write_bytes(bytes(100))
    run_to_end(jobs.resume(run.path))
    assert [path.name for path in run.path.iterdir() if path.name.startswith(".")] == [".lock"]


def test_two_programs_cannot_train_the_same_run(dataset: Dataset, tmp_path: Path) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    next(event for event in work if isinstance(event, RunStarted))
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


def test_training_into_a_folder_with_other_files_is_rejected_and_keeps_them(dataset: Dataset, tmp_path: Path) -> None:
    for name in (".notes-deadbeef.txt", "thesis.txt"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(EngineError, match="not empty"):
        run_to_end(jobs.train(dataset, TINY, tmp_path))
    assert (tmp_path / ".notes-deadbeef.txt").read_text("utf-8") == "mine"
