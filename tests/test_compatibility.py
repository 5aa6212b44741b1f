"""A run folder and a model of version 0.1.0 (2026-11-26) open and predict the same in this version."""

import json
import shutil
from pathlib import Path

import pytest

from engine import jobs
from engine.cli.main import main
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.ml.evaluation.out_of_distribution import read_reference_embeddings
from engine.results.evaluation import read_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run, list_runs

MAX_DIFFERENCE = 0.01
"""The old version predicted in bfloat16, whose rounding depends on the processor."""


@pytest.fixture
def compat(shared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared / "compat", tmp_path / "compat", copy_function=shutil.copyfile))


def test_a_run_of_version_0_1_opens_with_all_its_records(compat: Path) -> None:
    (run,) = list_runs(compat)
    metadata, evaluation = read_metadata(run.model_path), read_evaluation(run.results_path)
    stored = json.loads(run.results_path.read_text("utf-8"))
    assert run.is_finished
    assert run.config.model.backbone == metadata.backbone == "se_resnet"
    assert len(run.history.epochs) == run.config.training.epochs == 20
    assert run.dataset.classes == metadata.classes == evaluation.classes
    assert metadata.best == run.history.best
    assert metadata.calibration == evaluation.calibration
    assert metadata.calibration is not None
    assert metadata.calibration.ood_threshold == stored["calibration"]["unknown_below"]
    assert len(read_reference_embeddings(run.path).paths) == len(run.dataset.of_split("train"))


def test_a_model_of_version_0_1_predicts_the_same(compat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = [json.loads(line) for line in (compat / "predictions.jsonl").read_text("utf-8").splitlines()]
    paths = [str(compat / row["path"]) for row in expected]
    assert main(["predict", str(compat / "run" / "model.safetensors"), *paths, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == len(expected) == 12
    for row, old in zip(rows, expected):
        assert row.keys() == old.keys()
        assert (row["label"], row["error"]) == (old["label"], old["error"])
        # Version 0.1 wrote the class in place of `accepted`, so a class called "unknown" was ambiguous
        assert row["decision"] == ("accepted" if old["decision"] == old["label"] else old["decision"])
        assert row["confidence"] == pytest.approx(old["confidence"], abs=MAX_DIFFERENCE)
        assert row["similarity"] == pytest.approx(old["similarity"], abs=MAX_DIFFERENCE)


def test_a_finished_run_of_version_0_1_is_not_trained_again(compat: Path) -> None:
    content = (compat / "run" / "model.safetensors").read_bytes()
    with pytest.raises(EngineError):
        run_to_end(jobs.resume(compat / "run"))
    assert Run(compat / "run").is_finished
    assert (compat / "run" / "model.safetensors").read_bytes() == content
