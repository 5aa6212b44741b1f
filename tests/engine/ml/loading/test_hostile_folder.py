"""Tests of all jobs on a folder that has every kind of hostile file among good images."""

import base64
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from engine import jobs
from engine.cli.main import main
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, RunStarted, Warned
from engine.core.path_text import path_to_text
from engine.data.dataset import scan
from engine.results.predictions import Prediction
from engine.runs.run_folder import Run
from tests.hostile_images import GPS_TEXT, write_readable, write_unreadable
from tests.images import write_classes
from tests.scratch_config import scratch_config

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")

TINY = (
    scratch_config()
    .changed("data", image_size=16)
    .changed("training", epochs=1, batch_size=8, device="cpu", precision="float32")
    .changed("optim", lr=5e-3)
)
COUNTS = {"red": 12, "green": 12, "blue": 12}


def _warned(events: Sequence[Event]) -> list[str | None]:
    return sorted(event.path for event in events if isinstance(event, Warned) and event.path)


def _logged(run: Run) -> list[Event]:
    """Return the logged events of a run without its path and durations."""
    events = [event for event in run.events() if isinstance(event, RunStarted | EpochDone)]
    return [event.model_copy(update={"run": "", "seconds": 0.0}) for event in events]


def _predict(model: Path, paths: Sequence[Path]) -> list[Prediction]:
    predictions: list[Prediction] = []
    run_to_end(
        jobs.predict(model, paths), lambda event: predictions.append(event) if isinstance(event, Prediction) else None
    )
    return predictions


@pytest.mark.slow
@pytest.mark.parametrize("geometry", ["crop", "pad"])
def test_each_job_uses_a_hostile_file_or_names_it_once(tmp_path: Path, geometry: str) -> None:
    root = write_classes(tmp_path / "data", COUNTS)
    readable, bad = write_readable(root / "red" / "hostile"), write_unreadable(root / "red" / "hostile")
    bad_paths = sorted(f"red/hostile/{name}" for name in bad)
    good_paths = {path_to_text(f"red/hostile/{name}") for name in readable}

    dataset = run_to_end(jobs.scan(root))
    assert {sample.path for sample in dataset.samples} >= {*bad_paths, *good_paths}
    events: list[Event] = []
    audit = run_to_end(jobs.check(dataset), events.append)
    assert _warned(events) == bad_paths == sorted(image.path for image in audit.unreadable)

    events.clear()
    run = run_to_end(
        jobs.split_and_train(dataset, TINY.changed("data", geometry=geometry), tmp_path / "run"), events.append
    )
    assert _warned(events) == _warned(list(run.events())) == bad_paths
    assert {sample.path for sample in run.dataset.samples} == {sample.path for sample in dataset.samples} - {*bad_paths}

    predictions = _predict(run.model_path, [root])
    assert [prediction.path for prediction in predictions if prediction.error] == sorted(
        f"{root}/{path}" for path in bad_paths
    )
    successful = {prediction.path: prediction for prediction in predictions if not prediction.error}
    assert successful.keys() >= {f"{root}/{path}" for path in good_paths}
    good = _predict(run.model_path, [root / "blue", root / "green"])
    assert len(good) == 24
    assert all(successful[prediction.path] == prediction for prediction in good)

    if geometry == "pad":
        return
    for name in ("1x30000.png", "30000x1.jpg", "panorama.jpg", "1x1.png"):
        explanation = run_to_end(jobs.explain(run.model_path, root / "red" / "hostile" / name))
        run_to_end(jobs.draw_explanation(explanation, tmp_path / "why.png"))
    run_to_end(jobs.report(run, tmp_path / "report.html"))


@pytest.mark.parametrize("layout", ["classes", pytest.param("splits", marks=pytest.mark.slow)])
def test_unreadable_files_change_no_digit_of_the_training(tmp_path: Path, layout: str) -> None:
    runs = []
    for name in ("clean", "littered"):
        folders = [tmp_path / name] if layout == "classes" else [tmp_path / name / "train", tmp_path / name / "val"]
        for seed, folder in enumerate(folders):
            write_classes(folder, COUNTS, seed)
            if name == "littered":
                bad = write_unreadable(folder / "red")
        runs.append(run_to_end(jobs.split_and_train(scan(tmp_path / name), TINY, tmp_path / f"{name} run")))
    assert _logged(runs[0]) == _logged(runs[1])
    assert runs[0].dataset.samples == runs[1].dataset.samples
    assert len(_warned(list(runs[1].events()))) == len(bad) * len(folders)


def _write_photos_with_a_location(root: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x9286] = "Maker of cameras", "A comment about us"
    exif.get_ifd(0x8825)[27] = b"ASCII\0\0\0" + GPS_TEXT
    for path in [*root.rglob("*.png")]:
        with Image.open(path) as image:
            image.save(path.with_suffix(".jpg"), exif=exif)
        path.unlink()


def test_no_location_and_no_exif_of_a_photo_reaches_model_run_cache_report_or_explanation(
    tmp_path: Path, home: Path
) -> None:
    root = write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    _write_photos_with_a_location(root)
    photo = root / "red" / "000.jpg"
    assert GPS_TEXT in photo.read_bytes()

    dataset = scan(root)
    run = run_to_end(jobs.split_and_train(dataset, TINY, tmp_path / "run"))
    run_to_end(jobs.draw_explanation(run_to_end(jobs.explain(run.model_path, photo)), tmp_path / "run" / "why.png"))
    report = run_to_end(jobs.report(run, tmp_path / "run" / "report.html"))
    written = [path for folder in (run.path, home) for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in written} >= {".safetensors", ".html", ".npy", ".json", ".png"}
    for path in written:
        content = path.read_bytes()
        assert GPS_TEXT not in content, path
        assert b"A comment about us" not in content, path
        assert path.suffix == ".npy" or b"Maker of cameras" not in content, path
    images = [
        base64.b64decode(content)
        for content in re.findall(r"data:image/(?:png|jpeg|webp);base64,([\w+/=]+)", report.read_text("utf-8"))
    ]
    assert len(images) > 5
    for content in [*images, (tmp_path / "run" / "why.png").read_bytes()]:
        with Image.open(io.BytesIO(content)) as image:
            assert not image.getexif()
            assert "exif" not in image.info


def test_the_command_line_handles_unusual_file_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_classes(tmp_path / "data", {"red": 6, "blue": 6})
    names = ["two\nlines.png", "\x1b[31mred.png", "=1+1.png", "-dash.png", os.fsdecode(b"no text \xff.png")]
    for number, name in enumerate(names):
        os.rename(root / "red" / f"{number:03}.png", root / "red" / name)
    class_name = os.fsdecode(b"B\xe4ume")
    os.rename(root / "blue", root / class_name)
    run = tmp_path / "run"
    flags = [
        "--model.backbone",
        "se_resnet",
        "--data.image-size",
        "16",
        "--training.epochs",
        "1",
        "--training.device",
        "cpu",
        "--events",
    ]
    assert main(["train", str(root), "--out", str(run), *flags]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["event"] == "run_done"
    listed = {entry["path"]: entry["class"] for entry in json.loads((run / "split.json").read_bytes())["files"]}
    assert listed.keys() >= {path_to_text(f"red/{name}") for name in names}
    assert path_to_text(class_name) in listed.values()

    model, csv = str(run / "model.safetensors"), tmp_path / "a.csv"
    assert main(["predict", model, str(root), "--json"]) == 0
    predictions = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert not any(prediction["error"] for prediction in predictions)
    assert {prediction["path"] for prediction in predictions} == {f"{root}/{path}" for path in listed}
    assert main(["predict", model, str(root)]) == 0
    output = capsys.readouterr().out
    assert len(output.splitlines()) == len(predictions)
    assert "\x1b" not in output
    assert main(["predict", model, str(root), "--csv", str(csv)]) == 0
    assert r"no text \xff.png" in csv.read_text("utf-8")
    assert main(["report", str(run), "--out", str(tmp_path / "report.html")]) == 0
    assert main(["scan", str(root), "--json"]) == 0


def test_a_folder_whose_name_is_not_utf8_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_classes(tmp_path / os.fsdecode(b"caf\xe9"), {"red": 3, "blue": 3})
    assert main(["train", str(root), "--out", str(tmp_path / "run")]) == 1
    assert r"Rename it. (" in capsys.readouterr().err
