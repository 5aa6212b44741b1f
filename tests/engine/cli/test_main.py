"""Tests of the command line, from a folder of images to predictions."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.main import main
from tests.images import truncate_file, write_classes

TINY = [
    "--model.backbone",
    "se_resnet",
    "--data.image-size",
    "16",
    "--training.epochs",
    "2",
    "--training.batch-size",
    "8",
    "--optim.lr",
    "5e-3",
]


def test_predictions_of_a_trained_model_equal_those_of_its_validation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, count in (("train", 12), ("val", 6)):
        write_classes(tmp_path / "data" / name, {"red": count, "blue": count}, seed=count)
    data, run = tmp_path / "data", tmp_path / "run"
    assert main(["train", str(data), "--out", str(run), "--events", *TINY]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    best = next(event for event in events if event["event"] == "run_done")["best"]
    model = str(run / "model.safetensors")
    assert main(["evaluate", model, str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == best["accuracy"]
    assert main(["predict", model, str(data / "val"), "--json"]) == 0
    predictions = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    validation = json.loads((run / "results.json").read_text("utf-8"))["images"]
    by_path = {"/".join(("val", *Path(a["path"]).parts[-2:])): a["confidence"] for a in predictions}
    assert by_path == {image["path"]: image["confidence"] for image in validation}
    assert main(["runs", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"] == best


def test_an_unreadable_image_has_an_error_and_does_not_end_the_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *TINY]) == 0
    bad = truncate_file(data / "red" / "003.png")
    capsys.readouterr()
    table = tmp_path / "predictions.csv"
    model = str(tmp_path / "run" / "model.safetensors")
    assert main(["predict", model, str(data), "--json"]) == 0
    predictions = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(predictions) == 16
    assert [prediction["path"] for prediction in predictions if prediction["error"]] == [str(bad)]
    assert main(["predict", model, str(data), "--csv", str(table)]) == 0
    assert len(table.read_text("utf-8").splitlines()) == 17


def test_scan_counts_images_and_names_unreadable_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_classes(tmp_path / "data", {"red": 3, "blue": 2})
    truncate_file(data / "red" / "001.png")
    assert main(["scan", str(data), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["num_images"] == 5
    assert [bad["path"] for bad in result["unreadable"]] == ["red/001.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "/none", "--out", "x"], 1, "does not exist"),
        (["predict", "/none.safetensors", "a.jpg"], 1, "does not exist"),
        (["backbones", "resnet81"], 1, "resnet18"),
        (["train"], 2, ""),
        (["dance"], 2, ""),
        (["growth", "run"], 2, ""),
        (["unsort", "dir"], 2, ""),
        (["label", "data", "a.jpg", "--to", "red"], 2, ""),
        (["--version"], 0, ""),
    ],
)
def test_a_failure_prints_one_sentence_and_has_its_exit_code(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_flags_override_the_settings_of_a_config_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_classes(tmp_path / "data", {"red": 6, "blue": 6})
    assert main(["train", str(data), "--out", str(tmp_path / "one"), *TINY]) == 0
    flags = ["--config", str(tmp_path / "one" / "config.json"), "--training.epochs", "1"]
    assert main(["train", str(data), "--out", str(tmp_path / "two"), *flags]) == 0
    config = json.loads((tmp_path / "two" / "config.json").read_text("utf-8"))
    assert (config["training"]["epochs"], config["data"]["image_size"]) == (1, 16)
    assert capsys.readouterr().out == ""


def test_the_command_line_never_imports_qt() -> None:
    code = "import sys, engine.cli.main; sys.exit(bool({'PySide6', 'torch'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_hymenoptera_reaches_90_percent_accuracy_after_three_epochs(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = shared / "weights" / "mobilenet_v2.pth"
    flags = f"--model.backbone mobilenet_v2 --model.weights {weights} --training.epochs 3 --events".split()
    data = shared / "data" / "hymenoptera"
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *flags]) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert done["best"]["accuracy"] >= 0.90
