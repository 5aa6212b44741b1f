"""Tests of evaluations and their file."""

import json
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.results.confusion_matrix import ClassResult
from engine.results.evaluation import Evaluation, ImageResult, read_evaluation, write_evaluation


def _image(path: str, label: str, predicted: str, confidence: float) -> ImageResult:
    return ImageResult(path=path, label=label, predicted=predicted, confidence=confidence)


EVALUATION = Evaluation(
    root="/data",
    classes=("ant", "bee"),
    loss=0.5,
    accuracy=0.5,
    top5=1.0,
    confusion=((1, 1), (1, 1)),
    per_class=tuple(ClassResult(name=name, precision=0.5, recall=0.5, f1=0.5, num_images=2) for name in ("ant", "bee")),
    images=(
        _image("1", "ant", "bee", 0.6),
        _image("2", "bee", "ant", 0.9),
        _image("3", "ant", "ant", 0.8),
        _image("4", "bee", "bee", 0.7),
    ),
)


def test_misclassified_images_are_sorted_by_falling_confidence() -> None:
    assert [image.path for image in EVALUATION.misclassified] == ["2", "1"]


def test_an_evaluation_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_evaluation(EVALUATION, tmp_path / "results.json")
    assert read_evaluation(tmp_path / "results.json") == EVALUATION


def test_macro_f1_of_a_file_without_it_is_computed_over_classes_with_images(tmp_path: Path) -> None:
    rows = [
        ClassResult(name=name, precision=1, recall=1, f1=f1, num_images=number)
        for name, f1, number in (("ant", 0.9, 50), ("bee", 0.4, 2), ("cat", 0.0, 0))
    ]
    document = EVALUATION.model_dump(mode="json") | {
        "classes": ["ant", "bee", "cat"],
        "confusion": [[0] * 3] * 3,
        "per_class": [row.model_dump() for row in rows],
    }
    del document["macro_f1"]
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert read_evaluation(tmp_path / "old.json").macro_f1 == pytest.approx(0.65)


def test_a_missing_or_damaged_file_raises_an_error(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{")
    for name in ("results.json", "none.json"):
        with pytest.raises(EngineError, match="missing or damaged"):
            read_evaluation(tmp_path / name)
