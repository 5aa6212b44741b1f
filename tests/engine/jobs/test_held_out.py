"""Tests of keeping images that were learnt from out of validation and test."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.data.dataset import scan
from engine.runs.image_folder import current_dataset
from engine.runs.run_folder import Run
from tests.images import write_classes
from tests.scratch_config import scratch_config

CONFIG = (
    scratch_config()
    .changed("data", image_size=16, val_fraction=0.25)
    .changed("training", epochs=1, batch_size=8, device="cpu", precision="float32")
)


def _train(root: Path, path: Path, config: RunConfig = CONFIG) -> tuple[Run, list[str]]:
    events: list[Event] = []
    run = run_to_end(jobs.split_and_train(scan(root), config, path), events.append)
    return run, [event.message for event in events if isinstance(event, Warned)]


def _paths(run: Run, split: str) -> set[str]:
    return {sample.path for sample in run.dataset.samples if sample.split == split}


def _from_own(run: Run, **data: object) -> RunConfig:
    return CONFIG.changed("model", weights=str(run.model_path)).changed("data", **data)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", {"red": 12, "blue": 12})


def test_copies_of_training_images_are_left_out_of_val_and_test_and_that_is_said(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for seed, part in enumerate(("train", "val", "test")):
        write_classes(root / part, {"red": 6, "blue": 6}, seed)
    shutil.copy(root / "train" / "red" / "000.png", root / "val" / "red" / "same.png")
    Image.open(root / "train" / "blue" / "001.png").save(root / "val" / "blue" / "resaved.jpg", quality=95)
    shutil.copy(root / "train" / "red" / "002.png", root / "test" / "red" / "same.png")
    shutil.copy(root / "val" / "red" / "003.png", root / "test" / "red" / "chosen by.png")
    run, warnings = _train(root, tmp_path / "run")
    assert len(_paths(run, "val")) == len(_paths(run, "test")) == 12
    assert "2 of 14\N{NO-BREAK SPACE}validation images left out: 2 are copies of training images." in warnings
    assert "2 of 14\N{NO-BREAK SPACE}test images left out: 2 are copies of training or validation images." in warnings
    assert any("2 of 14" in line for line in run.events_path.read_text("utf-8").splitlines())
    assert {sample.path for sample in current_dataset(run).samples} == {sample.path for sample in run.dataset.samples}


def test_a_val_folder_of_nothing_but_copies_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path / "data" / "train", {"red": 6, "blue": 6})
    shutil.copytree(tmp_path / "data" / "train", tmp_path / "data" / "val")
    with pytest.raises(EngineError, match="None of the 12\N{NO-BREAK SPACE}validation images can show"):
        _train(tmp_path / "data", tmp_path / "run")


def test_an_own_model_with_another_seed_keeps_the_earlier_split(data: Path, tmp_path: Path) -> None:
    first, _ = _train(data, tmp_path / "first")
    again, _ = _train(data, tmp_path / "again", _from_own(first, seed=5))
    assert _paths(again, "val") == _paths(first, "val")
    fresh, _ = _train(data, tmp_path / "fresh", CONFIG.changed("data", seed=5))
    assert _paths(fresh, "val") != _paths(first, "val")


def test_in_a_grown_folder_old_validation_images_and_new_images_are_candidates(data: Path, tmp_path: Path) -> None:
    first, _ = _train(data, tmp_path / "first")
    write_classes(tmp_path / "new", {"red": 12, "blue": 12}, seed=3)
    for path in (tmp_path / "new").rglob("*.png"):
        path.rename(data / path.parent.name / f"new {path.name}")
    again, _ = _train(data, tmp_path / "again", _from_own(first))
    assert not _paths(again, "val") & _paths(first, "train")
    assert len(_paths(again, "val")) == 12
    assert any("new" in path for path in _paths(again, "train"))


def test_what_earlier_models_learnt_is_remembered_over_several_trainings(data: Path, tmp_path: Path) -> None:
    first, _ = _train(data, tmp_path / "first")
    other = write_classes(tmp_path / "other", {"red": 12, "blue": 12}, seed=7)
    second, _ = _train(other, tmp_path / "second", _from_own(first))
    third, _ = _train(data, tmp_path / "third", _from_own(second, seed=9))
    assert _paths(third, "val") == _paths(first, "val")


def test_a_folder_that_was_learnt_from_as_a_whole_is_refused_with_the_numbers(data: Path, tmp_path: Path) -> None:
    first, _ = _train(data, tmp_path / "first")
    for path in _paths(first, "val"):
        (data / path).unlink()
    with pytest.raises(EngineError, match="learnt from 18 of 18\N{NO-BREAK SPACE}images"):
        _train(data, tmp_path / "again", _from_own(first))


def test_an_own_val_that_the_start_weights_learnt_from_is_left_out(data: Path, tmp_path: Path) -> None:
    first, _ = _train(data, tmp_path / "first")
    own = tmp_path / "own"
    write_classes(own / "train", {"red": 6, "blue": 6}, seed=4)
    shutil.copytree(data, own / "val")
    again, warnings = _train(own, tmp_path / "again", _from_own(first))
    assert {path.removeprefix("val/") for path in _paths(again, "val")} == _paths(first, "val")
    assert "18 of 24\N{NO-BREAK SPACE}validation images left out: the start weights learnt from 18." in warnings


def test_a_given_split_is_corrected_at_the_start_of_training(data: Path, tmp_path: Path) -> None:
    """As in the window, where the split is drawn before the weights are chosen."""
    first, _ = _train(data, tmp_path / "first")
    split = run_to_end(jobs.split(scan(data), CONFIG.changed("data", seed=5, val_fraction=0.5).data))
    again = run_to_end(jobs.train(split, _from_own(first), tmp_path / "again"))
    assert _paths(again, "val")
    assert not _paths(again, "val") & _paths(first, "train")
