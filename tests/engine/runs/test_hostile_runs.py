"""Tests of run folders from untrusted sources: paths stay inside, and inconsistent files are rejected."""

import json
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.results.evaluation import read_evaluation
from engine.runs.run_folder import Run

OUTSIDE = ["../../etc/passwd", "/etc/passwd", "ant/../../x", "..", "", "a\0b"]


def _write_json(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("path", OUTSIDE)
def test_image_paths_outside_the_dataset_are_rejected(tmp_path: Path, path: str) -> None:
    run = Run(tmp_path / "run")
    _write_json(run.split_path, {"root": "/data", "classes": ["ant"], "files": [_file(path)]})
    with pytest.raises(EngineError, match="list of images of this run"):
        _ = run.dataset


def _file(path: str = "ant/1.jpg", **changes: object) -> dict[str, object]:
    return {"path": path, "class": "ant", "split": "train", "group": None} | changes


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"root": "/data", "classes": "a", "files": []},
        {"root": "/data", "classes": ["ant", "ant"], "files": []},
        {"root": "/data", "classes": ["../x"], "files": []},
        {"root": 3, "classes": ["ant"], "files": []},
        {"root": "/data", "classes": ["ant"], "files": [_file(split="elsewhere")]},
        {"root": "/data", "classes": ["ant"], "files": [_file(**{"class": "bee"})]},
        {"root": "/data", "classes": ["ant"], "files": [_file(group="x")]},
        {"root": "/data", "classes": ["ant"], "files": [_file(path=3)]},
        {"root": "/data", "classes": ["ant"], "files": {"path": "x"}},
    ],
)
def test_a_damaged_split_is_rejected(tmp_path: Path, document: object) -> None:
    run = Run(tmp_path / "run")
    _write_json(run.split_path, document)
    with pytest.raises(EngineError, match="list of images of this run"):
        _ = run.dataset


def test_deeply_nested_json_is_rejected(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.path.mkdir()
    for path in (run.split_path, run.config_path, run.results_path, run.reference_path, run.robustness_path):
        path.write_text("[" * 200_000)
    for read in (lambda: run.dataset, lambda: run.config, lambda: read_evaluation(run.results_path)):
        with pytest.raises(EngineError):
            read()


@pytest.mark.parametrize("path", OUTSIDE)
def test_results_with_paths_outside_the_dataset_are_rejected(tmp_path: Path, path: str) -> None:
    _write_json(tmp_path / "results.json", _results(path=path))
    with pytest.raises(EngineError, match="results of this run"):
        read_evaluation(tmp_path / "results.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"confusion": [[1]]},
        {"confusion": [[1, 0], [0]]},
        {"classes": ["ant", "bee", "cat"]},
        {"per_class": []},
        {"accuracy": float("nan")},
        {"label": "cat"},
        {"confidence": 7},
    ],
    ids=str,
)
def test_inconsistent_results_are_rejected(tmp_path: Path, changes: dict[str, object]) -> None:
    _write_json(tmp_path / "results.json", _results())
    assert read_evaluation(tmp_path / "results.json").images[0].path == "ant/1.jpg"
    _write_json(tmp_path / "results.json", _results(**changes))
    with pytest.raises(EngineError, match="results of this run"):
        read_evaluation(tmp_path / "results.json")


def _results(**changes: object) -> dict[str, object]:
    row = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "num_images": 1}
    image = {"path": "ant/1.jpg", "label": "ant", "predicted": "bee", "confidence": 0.5}
    document = {
        "root": "/data",
        "classes": ["ant", "bee"],
        "loss": 0.5,
        "accuracy": 0.5,
        "top5": 1.0,
        "confusion": [[0, 1], [0, 0]],
        "per_class": [{"name": name, **row} for name in ("ant", "bee")],
    }
    document |= {key: value for key, value in changes.items() if key not in image}
    image |= {key: value for key, value in changes.items() if key in image}
    return document | {"images": [image]}
