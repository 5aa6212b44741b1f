"""Tests of classification metrics."""

from pathlib import Path

import pytest
import torch

from engine.data.dataset import Sample
from engine.ml.evaluation.metrics import compute_metrics
from engine.ml.evaluation.run_inference import Predictions
from engine.results.calibration import Calibration


def _predictions() -> Predictions:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [2.0, 0.0, 0.0]])
    return Predictions((Sample("a", 0), Sample("b", 1), Sample("c", 1)), logits)


def test_metrics_of_three_images_are_those_computed_by_hand() -> None:
    evaluation = compute_metrics(_predictions(), Path("/data"), ("x", "y", "z"), None)
    assert evaluation.accuracy == pytest.approx(2 / 3)
    assert evaluation.top5 == 1
    assert evaluation.balanced_accuracy == 0.75
    assert evaluation.confusion == ((1, 0, 0), (1, 1, 0), (0, 0, 0))
    assert [row.precision for row in evaluation.per_class] == [0.5, 1, None]
    assert [row.recall for row in evaluation.per_class] == [1, 0.5, None]
    assert [(image.path, image.predicted) for image in evaluation.misclassified] == [("c", "x")]


def test_the_temperature_changes_confidences_and_not_the_loss() -> None:
    calibration = Calibration(temperature=2.0, error_before=0, error_after=0, num_images=3, coverage=())
    plain = compute_metrics(_predictions(), Path("/data"), ("x", "y", "z"), None)
    calibrated = compute_metrics(_predictions(), Path("/data"), ("x", "y", "z"), calibration)
    assert calibrated.loss == plain.loss
    expected = torch.tensor([1.0, 0.0, 0.0]).softmax(0)[0].item()
    assert calibrated.images[0].confidence == pytest.approx(expected)
    assert plain.images[0].confidence > expected
