"""Tests of the learning curve."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from engine import jobs
from engine.cli.main import main
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.splits import split
from engine.ml.evaluation.learning_curve import ProbeData, measure_learning_curve
from engine.ml.evaluation.linear_probe import Labels
from engine.results.learning_curve import LearningCurve, read_learning_curve
from tests.engine.ml.evaluation.test_linear_probe import clusters
from tests.images import write_classes
from tests.scratch_config import scratch_config

CLASSES = ("a", "b", "c")


def _curve(vectors: np.ndarray, labels: np.ndarray, val_vectors: np.ndarray, val_labels: np.ndarray) -> LearningCurve:
    data = ProbeData(vectors, labels, val_vectors, val_labels, 3, np.arange(len(labels)))
    return run_to_end(measure_learning_curve(data.reduced(), CLASSES))


def test_a_rising_curve_is_forecast_to_rise_within_its_range() -> None:
    vectors, labels = clusters(400, 3, seed=1, spread=6.0)
    val_vectors, val_labels = clusters(200, 3, seed=2, spread=6.0)
    half = np.random.default_rng(0).permutation(len(labels))[:300]
    double = np.random.default_rng(0).permutation(len(labels))[:600]
    now = _curve(vectors[half], labels[half], val_vectors, val_labels)
    truth = _curve(vectors[double], labels[double], val_vectors, val_labels).points[-1].accuracy
    assert [point.num_images for point in now.points][-1] == 300
    assert now.points[0].accuracy < now.points[-1].accuracy < now.forecast[-1].accuracy
    assert now.forecast[-1].low <= truth <= now.forecast[-1].high
    assert now.low <= now.gain <= now.high
    assert "600" in now.sentence


def test_the_class_with_the_fewest_images_gains_most() -> None:
    vectors, labels = clusters(200, 3, seed=1, spread=5.0)
    val_vectors, val_labels = clusters(100, 3, seed=2, spread=5.0)
    kept = (labels != 1) | (np.cumsum(labels == 1) <= 20)
    curve = _curve(vectors[kept], labels[kept], val_vectors, val_labels)
    first = curve.per_class[0]
    assert (first.name, first.num_images) == ("b", 20)
    assert first.low <= first.gain <= first.high
    assert first.gain > 2 * max(row.gain for row in curve.per_class[1:])
    assert first.accuracy_gain > 0


def test_a_class_without_validation_images_is_not_measured() -> None:
    vectors, labels = clusters(60, 3, seed=1, spread=5.0)
    val_vectors, val_labels = clusters(30, 3, seed=2, spread=5.0)
    measured = val_labels != 1
    curve = _curve(vectors, labels, val_vectors[measured], val_labels[measured])
    (row,) = [row for row in curve.per_class if row.name == "b"]
    assert row.recall is None
    assert row.words == "not measured: no validation images"
    assert "1 of 3 classes is not measured, because it has no validation images: 'b'." in curve.caveats


class _RecordingData(ProbeData):
    """Probe data that record which training images the probes are fitted on."""

    drawn: ClassVar[list[set[int]]] = []

    def predict(self, positions: Labels) -> Labels:
        self.drawn.append(set(positions.tolist()))
        return super().predict(positions)


def test_parts_of_the_training_images_consist_of_whole_groups() -> None:
    vectors, labels = clusters(40, 3, seed=1, spread=6.0)
    groups = np.arange(len(labels)) // 4
    _RecordingData.drawn.clear()
    run_to_end(measure_learning_curve(_RecordingData(vectors, labels, vectors, labels, 3, groups).reduced(), CLASSES))
    halves = [positions for positions in _RecordingData.drawn if len(positions) == 60]
    assert halves
    for positions in halves:
        sizes = np.bincount(groups[sorted(positions)])
        assert np.count_nonzero(sizes[sizes > 0] < 4) <= 3  # the last group of each class


def test_too_few_images_raise_an_error() -> None:
    vectors, labels = clusters(3, 3)
    with pytest.raises(EngineError, match="too few"):
        _curve(vectors, labels, vectors, labels)


def test_the_command_line_computes_and_saves_the_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_classes(tmp_path / "data", {"red": 20, "blue": 20})
    config = scratch_config().changed("data", image_size=16).changed("training", epochs=1, batch_size=8)
    run = run_to_end(jobs.train(split(scan(data), 0.2, 0), config, tmp_path / "run"))
    assert main(["learning-curve", str(run.path), "--json"]) == 0
    result = LearningCurve.model_validate(json.loads(capsys.readouterr().out))
    assert result == read_learning_curve(run.path)
    assert result.num_val == 8
    assert [row.num_images for row in result.per_class] == [16, 16]
    assert main(["learning-curve", str(run.path)]) == 0
    assert "twice the images" in capsys.readouterr().out
    run.model_path.unlink()
    assert main(["learning-curve", str(run.path)]) == 1
