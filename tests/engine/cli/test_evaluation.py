"""Tests of the subcommands evaluate, test and compare, and of the maximum error rate."""

import json
from pathlib import Path

import pytest

from engine.cli.main import main
from tests.images import write_classes

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


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    for part, seed in (("train", 1), ("val", 2), ("test", 3)):
        write_classes(tmp_path / "data" / part, {"red": 12, "blue": 12}, seed=seed)
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *TINY]) == 0
    assert "95 % interval" in capsys.readouterr().err
    return tmp_path / "run"


def test_the_test_set_is_evaluated_once_and_a_second_call_warns(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(run), "--json"]) == 0
    first = capsys.readouterr()
    assert {image["path"].split("/")[0] for image in json.loads(first.out)["images"]} == {"test"}
    assert "used only once" not in first.err
    assert main(["test", str(run), "--json"]) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert "used only once" in again.err


def test_compare_prints_a_sentence_about_two_runs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(run), str(run)]) == 0
    assert "Of 24 common images" in capsys.readouterr().out


def test_evaluate_prints_the_interval_and_writes_misclassified_images_first(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "images.csv"
    assert main(["evaluate", str(run / "model.safetensors"), str(tmp_path / "data"), "--csv", str(table)]) == 0
    assert "95 % interval" in capsys.readouterr().out
    nowhere = str(tmp_path / "none" / "images.csv")
    assert main(["evaluate", str(run / "model.safetensors"), str(tmp_path / "data"), "--csv", nowhere]) == 1
    assert "could not be saved" in capsys.readouterr().err
    rows = table.read_text(encoding="utf-8-sig").splitlines()
    assert rows[0] == "path,label,predicted,confidence,wrong"
    assert len(rows) == 25
    is_wrong = [row.rpartition(",")[2] for row in rows[1:]]
    assert is_wrong == sorted(is_wrong, reverse=True)


def test_a_maximum_error_rate_that_cannot_be_guaranteed_warns_and_decides_every_image(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, images = str(run / "model.safetensors"), str(tmp_path / "data" / "val")
    assert main(["predict", model, images, "--json", "--max-error", "0.01"]) == 0
    printed = capsys.readouterr()
    assert "too few to keep errors under 1%" in printed.err
    predictions = [json.loads(line) for line in printed.out.splitlines()]
    assert all(row["decision"] in ("accepted", "unknown") for row in predictions)
    assert main(["predict", model, images, "--csv", str(tmp_path / "a.csv"), "--max-error", "0.01"]) == 0
    assert "too few" in capsys.readouterr().err
    assert main(["predict", model, images, "--json", "--max-error", "1"]) == 0
    assert "too few" not in capsys.readouterr().err


def test_a_run_without_test_images_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *TINY]) == 0
    capsys.readouterr()
    assert main(["test", str(tmp_path / "run")]) == 1
    assert "has no test/" in capsys.readouterr().err
