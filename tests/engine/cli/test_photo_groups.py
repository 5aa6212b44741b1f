"""Tests of groups of photos on the command line: what is tied is shown, and no run is refused because of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.cli.main import main
from engine.core.cache import cache_folder
from tests.images import draw_scene

_TINY = [
    "--data.image-size",
    "16",
    "--training.epochs",
    "1",
    "--training.batch-size",
    "8",
    "--model.backbone",
    "se_resnet",
]
_START = datetime(2024, 5, 1, 6, tzinfo=UTC)


def _write_photo(
    path: Path, number: int, seconds: float | None, serial: str = "", noise_seed: int | None = None, quality: int = 90
) -> None:
    exif = Image.Exif()
    exif[0x0110] = "T1"
    if seconds is not None:
        exif.get_ifd(0x8769)[0x9003] = (_START + timedelta(seconds=seconds)).strftime("%Y:%m:%d %H:%M:%S")
    if serial:
        exif.get_ifd(0x8769)[0xA431] = serial
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.asarray(draw_scene(number).resize((64, 48)), np.int64)
    if noise_seed is not None:
        pixels = pixels + np.random.default_rng(noise_seed).integers(-6, 7, pixels.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, exif=exif, quality=quality)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Two classes with five events of three shots, 20 seconds apart."""
    for number in range(30):
        label, event, shot = number // 15, number // 3 % 5, number % 3
        path = tmp_path / "data" / ("ant", "bee")[label] / f"IMG_{number:04}.jpg"
        _write_photo(path, number, 36_000 * label + 3600 * event + 20 * shot, "SN20240711")
    return tmp_path / "data"


def _events(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]


def test_scan_shows_what_is_tied_and_why(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(events)]) == 0
    assert "groups: 10 by time (gap 60 s)" in capsys.readouterr().out.splitlines()
    assert main(["scan", str(events), "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)["photo_groups"]
    assert (len(groups["groups"]), groups["gap_seconds"]) == (10, 60)


def test_training_names_the_groups_and_keeps_each_on_one_side(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(events), "--out", str(tmp_path / "run"), *_TINY]) == 0
    assert "Groups: 10 by time (gap 60 s)." in capsys.readouterr().err
    (started,) = [event for event in _events(tmp_path / "run") if event["event"] == "run_started"]
    assert started["grouping"] == "10 by time (gap 60 s)"
    document = json.loads((tmp_path / "run" / "split.json").read_text("utf-8"))
    assert document["groups"] == [{"kinds": ["time"], "is_cut": False}] * 10
    sides: dict[int, set[str]] = {}
    for file in document["files"]:
        sides.setdefault(file["group"], set()).add(file["split"])
    assert sorted(len(side) for side in sides.values()) == [1] * 10


@pytest.mark.parametrize(("flags", "expected"), [(["--data.group-gap", "0"], ""), (["--data.group-by", "none"], "")])
def test_groups_can_be_turned_off(events: Path, tmp_path: Path, flags: list[str], expected: str) -> None:
    assert main(["train", str(events), "--out", str(tmp_path / "run"), *_TINY, *flags]) == 0
    assert json.loads((tmp_path / "run" / "split.json").read_text("utf-8"))["grouping"] == expected


def test_classes_of_one_series_are_trained_on_and_a_warning_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(40):
        label = number // 20
        _write_photo(tmp_path / "data" / ("ant", "bee")[label] / f"f_{number:03}.jpg", number, 9000 * label + number)
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *_TINY]) == 0
    assert "Nearly all photos of 'ant' (4 of 20) and 'bee' (4 of 20) belong to one series" in capsys.readouterr().err
    warnings = [str(event["message"]) for event in _events(tmp_path / "run") if event["event"] == "warning"]
    assert any("'ant' (4 of 20)" in message for message in warnings)
    files = json.loads((tmp_path / "run" / "split.json").read_text("utf-8"))["files"]
    in_val = [int(file["path"][-7:-4]) for file in files if file["split"] == "val"]
    assert sorted(in_val) == [*range(16, 20), *range(36, 40)]


@pytest.mark.parametrize(("num_frames", "seconds"), [(20, 1), (20, None), (6, 1)])
def test_frames_of_a_fixed_camera_are_trained_on_although_they_are_alike(
    tmp_path: Path, num_frames: int, seconds: float | None
) -> None:
    for label, number in np.ndindex(2, num_frames):
        path = tmp_path / "data" / ("ant", "bee")[label] / f"f_{number:03}.jpg"
        taken = None if seconds is None else 9000 * label + seconds * number
        _write_photo(path, label, taken, noise_seed=number)
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *_TINY]) == 0
    files = json.loads((tmp_path / "run" / "split.json").read_text("utf-8"))["files"]
    assert sum(file["split"] == "val" for file in files) == 2 * max(1, num_frames // 5)


def test_a_copy_in_the_folder_of_another_patient_does_not_mix_the_patients(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label, patient, number in np.ndindex(2, 2, 5):
        path = tmp_path / "data" / ("ant", "bee")[label] / f"patient{label}{patient}" / f"{number}.jpg"
        _write_photo(path, 0 if number == 0 and label == 0 else 100 * label + 10 * patient + number, None)
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *_TINY]) == 0
    errors = capsys.readouterr().err
    assert "1 of 10 validation images left out: 1 is a copy of training images." in errors
    sides: dict[str, set[str]] = {}
    for file in json.loads((tmp_path / "run" / "split.json").read_text("utf-8"))["files"]:
        sides.setdefault(file["path"].split("/")[1], set()).add(file["split"])
    assert sorted(map(sorted, sides.values())) == [["train"], ["train"], ["val"], ["val"]]


def test_copies_of_one_image_are_not_divided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label, number in np.ndindex(2, 6):
        path = tmp_path / "data" / ("ant", "bee")[label] / f"x_{number}.jpg"
        _write_photo(path, label, 9000 * label, quality=60 + 5 * number)
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *_TINY]) == 1
    assert "There are no validation images" in capsys.readouterr().err


def test_a_patient_in_train_and_val_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(16):
        split, label = ("train", "val")[number % 2], ("ant", "bee")[number // 8]
        _write_photo(tmp_path / "data" / split / label / f"patient{number // 4}_{number}.jpg", number, None)
    assert main(["scan", str(tmp_path / "data")]) == 0
    expected = "4 by file name, 4 in both training and validation"
    assert f"groups: {expected}" in capsys.readouterr().out.splitlines()
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *_TINY]) == 0
    assert f"Groups: {expected}." in capsys.readouterr().err


def test_the_serial_number_is_in_no_stored_file(events: Path, tmp_path: Path) -> None:
    assert main(["train", str(events), "--out", str(tmp_path / "run"), *_TINY]) == 0
    stored = [path for folder in (cache_folder(), tmp_path / "run") for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("records-") for path in stored)
    assert not any(b"SN20240711" in path.read_bytes() for path in stored)
