"""Tests of the subcommands that take a model away."""

import json
from pathlib import Path

import pytest

from engine import jobs
from engine.cli.main import main
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.splits import split
from engine.results.export_verification import ExportVerification, read_verification
from engine.runs.run_folder import Run
from tests.pictures import write_classes

CONFIG = (
    RunConfig()
    .changed("data", image_size=16)
    .changed("training", epochs=1, batch_size=8, device="cpu")
    .changed("optim", lr=5e-3)
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("delivery")
    root = write_classes(folder / "data", {"red": 12, "blue": 12})
    return run_to_end(jobs.train(split(scan(root), 0.25, 0), CONFIG, folder / "run"))


def test_export_prints_its_certificate_and_nothing_else(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.onnx"
    assert main(["export", str(run.model_path), "--format", "onnx", "--out", str(out), "--json"]) == 0
    printed = capfd.readouterr()
    assert ExportVerification.model_validate_json(printed.out) == read_verification(out)
    assert str(out) in printed.err


def test_export_says_in_one_sentence_what_is_wrong(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run.model_path), "--format", "pt2", "--out", str(tmp_path / "model.onnx")]) == 1
    assert "has to end in .pt2" in capsys.readouterr().err
    assert main(["export", str(run.model_path), "--format", "tflite", "--out", "x"]) == 2


@pytest.mark.parametrize("by", ["copy", "move", "link"])
def test_a_folder_is_sorted_and_unsorted(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], by: str) -> None:
    photos = write_classes(tmp_path / "photos", {"red": 3, "blue": 3}, seed=4)
    before = {path: path.read_bytes() for path in photos.rglob("*.*")}
    assert main(["sort", str(run.model_path), str(photos), "--by", by, "--max-error", "1", "--json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert told["target"] == str(tmp_path / "photos sorted")
    assert sum(told["num_per_folder"].values()) == 6
    assert f"classifold unsort {told['target']}" in printed.err
    assert main(["unsort", told["target"]]) == 0
    assert capsys.readouterr().out == "6 images were put back.\n"
    assert {path: path.read_bytes() for path in photos.rglob("*.*")} == before


def test_what_cannot_be_sorted_or_served_is_a_sentence(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sort", str(run.model_path), str(tmp_path / "missing")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main(["unsort", str(tmp_path)]) == 1
    assert "no undo file" in capsys.readouterr().err
    assert main(["serve", str(tmp_path / "missing.safetensors")]) == 1
    assert "does not exist" in capsys.readouterr().err
