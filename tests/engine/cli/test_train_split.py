"""Tests of what `train` and `scan` say about classes and split, and of run folders inside the data."""

import json
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.data.dataset import scan
from engine.data.splits import read_split
from tests.images import write_classes

TINY = (
    "--model.backbone",
    "se_resnet",
    "--data.image-size",
    "16",
    "--training.epochs",
    "1",
    "--training.batch-size",
    "8",
    "--training.device",
    "cpu",
)


def test_train_prints_classes_and_split_before_it_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, number in (("Training", 10), ("Testing", 3)):
        write_classes(tmp_path / "data" / split, {f"class {label}": number for label in range(12)}, seed=number)
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *TINY]) == 0
    lines = capsys.readouterr().err.splitlines()
    names = ", ".join(f"class {label}" for label in range(10))
    first = lines.index(f"12 classes: {names} and 2 more.")
    assert lines[first + 1] == "Images: 96 training, 24 validation (drawn from the training images), 36 test."
    assert any(line.startswith("Training on 96 images") for line in lines[first + 2 :])


def test_with_events_the_split_is_an_event_and_stdout_is_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split, number in (("train", 4), ("VALID", 2)):
        write_classes(tmp_path / "data" / split, {"red": number, "blue": number}, seed=number)
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), "--events", *TINY]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events]
    (split_event,) = [event for event in events if event["event"] == "dataset_split"]
    assert kinds.index("dataset_split") < kinds.index("run_started")
    sizes = {"num_train": 8, "num_val": 4, "num_test": 0, "is_drawn": False}
    assert split_event == {"event": "dataset_split", "classes": ["blue", "red"], **sizes}


@pytest.mark.parametrize("has_splits", [False, True])
def test_a_run_folder_inside_the_data_is_no_class_when_training_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], has_splits: bool
) -> None:
    for seed, split in enumerate(("train", "val") if has_splits else (".",)):
        write_classes(tmp_path / split, {"red": 4, "blue": 4}, seed)
    for name in ("run", "second"):
        assert main(["train", str(tmp_path), "--out", str(tmp_path / name), *TINY]) == 0
        assert "The run folder is inside the data folder. It is never read as data." in capsys.readouterr().err
        assert read_split(tmp_path / name / "split.json").classes == ("blue", "red")
    dataset = scan(tmp_path)
    assert len(dataset.samples) == (16 if has_splits else 8)
    assert "The folders 'run' and 'second' are skipped: written by a training." in dataset.notes


def test_a_doubtful_folder_is_refused_before_a_run_is_created(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("flowers", "insects"):
        write_classes(tmp_path / "data" / name, {"red": 2, "blue": 2})
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *TINY]) == 1
    assert "'flowers' and 'insects' contain the same class folders" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_scan_prints_the_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_classes(tmp_path, {"red": 2, "blue": 2})
    assert main(["scan", str(tmp_path)]) == 0
    assert "split: 4 training, from which validation images will be drawn, 0 test" in capsys.readouterr().out
    assert main(["scan", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["has_val"] is False


def test_a_folder_of_validation_images_alone_is_not_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(tmp_path / "data" / "val", {"red": 2, "blue": 2})
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *TINY]) == 1
    assert "There are only validation or test images here." in capsys.readouterr().err
