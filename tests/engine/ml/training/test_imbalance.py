"""Tests of trainings whose classes differ very much in size, from start to closing sentence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.cli.main import main
from engine.core.events import EpochDone
from engine.data.dataset import scan
from engine.data.splits import split
from engine.results.evaluation import read_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run
from tests.engine.ml.training.training_runs import TINY, epochs_of, fit_run
from tests.images import write_classes

FLAGS = [
    "--model.backbone",
    "se_resnet",
    "--data.image-size",
    "16",
    "--training.batch-size",
    "8",
    "--training.precision",
    "float32",
]


def _draw_parts(root: Path, num_good: int, num_scratched: int, seed: int) -> Path:
    """Write grey parts, some of them with a light scratch."""
    generator = np.random.default_rng(seed)
    for name, total in (("good", num_good), ("scratch", num_scratched)):
        (root / name).mkdir(parents=True)
        for number in range(total):
            pixels = generator.normal(generator.uniform(110, 150), 12, (64, 64)).clip(0, 255).astype(np.uint8)
            image = Image.fromarray(pixels).convert("RGB")
            if name == "scratch":
                x, y = generator.integers(8, 40, 2).tolist()
                end = (x + int(generator.integers(10, 20)), y + int(generator.integers(-8, 12)))
                ImageDraw.Draw(image).line((x, y, *end), fill=(235, 235, 235), width=2)
            image.save(root / name / f"{number:04}.png")
    return root


def test_the_kept_model_finds_a_class_with_4_of_404_images_in_other_images(shared: Path, tmp_path: Path) -> None:
    data, other = _draw_parts(tmp_path / "data", 400, 4, 5), _draw_parts(tmp_path / "other", 40, 40, 6)
    weights = str(shared / "weights" / "mobilenet_v2.pth")
    arguments = ["--model.backbone", "mobilenet_v2", "--model.weights", weights, "--training.mode", "quick"]
    arguments += ["--training.epochs", "6", "--data.image-size", "64", "--training.precision", "float32"]
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *arguments]) == 0
    assert (
        main(["evaluate", str(tmp_path / "run" / "model.safetensors"), str(other), "--csv", str(tmp_path / "t")]) == 0
    )
    rows = [line.split(",") for line in (tmp_path / "t").read_text("utf-8-sig").splitlines()[1:]]
    found = [row[1] == row[2] for row in rows if row[1] == "scratch"]
    assert sum(found) >= 20, f"{sum(found)} of {len(found)} scratches are found"


def test_events_history_model_file_and_results_agree_on_the_best_epoch(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 60, "green": 40, "blue": 5})
    run, events = fit_run(split(scan(root), 0.2, 0), TINY.changed("training", epochs=4), tmp_path / "run")
    epochs = epochs_of(events)
    best = max(epochs, key=_balanced_rank)
    assert events[-1].best is not None  # type: ignore[union-attr]
    assert events[-1].best.criterion == "balanced_loss"  # type: ignore[union-attr]
    assert events[-1].best.epoch == best.epoch  # type: ignore[union-attr]
    assert [epoch.epoch for epoch in epochs if epoch.best][-1] == best.epoch
    metadata, results = read_metadata(run.model_path), read_evaluation(run.results_path)
    assert metadata.best == events[-1].best  # type: ignore[union-attr]
    assert results.balanced_accuracy == pytest.approx(best.val.balanced_accuracy)


def _balanced_rank(epoch: EpochDone) -> float:
    assert epoch.val.balanced_loss is not None
    return -epoch.val.balanced_loss


def test_the_closing_sentences_name_a_rare_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_classes(tmp_path / "data", {"red": 100, "blue": 2})
    run = tmp_path / "run"
    assert main(["train", str(data), "--out", str(run), *FLAGS, "--training.epochs", "1"]) == 0
    printed = capsys.readouterr().err
    assert "Training draws each class equally often" in printed
    assert "Balanced accuracy " in printed
    assert "Best epoch: 1 (lowest loss averaged over the classes, as they differ in size)." in printed
    assert "'blue': " in printed
    assert "of 1 validation images are found." in printed
    headline = Run(run).history.headline
    assert headline is not None
    assert headline.caveats()[0] in printed
    assert main(["runs", str(tmp_path)]) == 0
    assert headline.caveats()[0] in capsys.readouterr().out


def test_a_rare_class_without_validation_images_is_named_and_the_last_epoch_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(tmp_path / "data" / "train", {"red": 30, "blue": 4})
    write_classes(tmp_path / "data" / "val", {"red": 24}, seed=1)
    run = tmp_path / "run"
    assert main(["train", str(tmp_path / "data"), "--out", str(run), *FLAGS, "--training.epochs", "3"]) == 0
    printed = capsys.readouterr().err
    assert printed.count("1 of 2 classes is not measured, because it has no validation images: 'blue'.") == 2
    assert "Only 'red' has validation images" in printed
    best = Run(run).history.best
    assert best is not None
    assert (best.epoch, best.criterion) == (3, "last")


def test_879_classes_without_validation_images_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {f"class {number:03}": 1 for number in range(88)}
    write_classes(tmp_path / "data" / "train", counts | {"class 900": 2, "class 901": 2})
    write_classes(tmp_path / "data" / "val", {"class 900": 12, "class 901": 12}, seed=1)
    run = tmp_path / "run"
    assert main(["train", str(tmp_path / "data"), "--out", str(run), *FLAGS, "--training.epochs", "1"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "not measured" in line]
    assert len(lines) == 2
    assert "88 of 90 classes are not measured" in lines[-1]
    assert "and 83 more" in lines[-1]
    assert main(["evaluate", str(run / "model.safetensors"), str(tmp_path / "data")]) == 0
    printed = capsys.readouterr().out
    assert "0.000    0.000    0.000        0" not in printed
    assert printed.count("–        –        –        0  not measured") == 88
    assert "of 2 measured classes" in printed
    assert "88 of 90 classes are not measured" in printed
