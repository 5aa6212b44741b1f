"""Tests of the learning curve file and of the gain as text."""

from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.results.learning_curve import (
    LEARNING_CURVE_NAME,
    LearningCurve,
    LearningCurvePoint,
    describe_gain,
    read_learning_curve,
    write_learning_curve,
)

NOW = LearningCurvePoint(num_images=100, accuracy=0.8, low=0.8, high=0.8)
THEN = LearningCurvePoint(num_images=200, accuracy=0.82, low=0.81, high=0.84)
CURVE = LearningCurve(
    points=(NOW,), forecast=(NOW, THEN), per_class=(), gain=0.02, low=0.01, high=0.04, num_val=50, sentence="It helps."
)


@pytest.mark.parametrize(
    ("gain", "low", "high", "words"),
    [
        (0.021, 0.0, 0.04, "about +2 points (0 to 4)"),
        (0.01, 0.001, 0.02, "about +1 point (0 to 2)"),
        (0.012, -0.03, 0.05, "little (-3 to 5 points)"),
        (0.0, -0.01, 0.0, "little"),
    ],
)
def test_a_gain_is_described_in_points_with_its_interval(gain: float, low: float, high: float, words: str) -> None:
    assert describe_gain(gain, low, high) == words


def test_a_curve_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_learning_curve(tmp_path) is None
    write_learning_curve(CURVE, tmp_path)
    assert read_learning_curve(tmp_path) == CURVE
    (tmp_path / LEARNING_CURVE_NAME).write_text("{")
    with pytest.raises(EngineError, match="damaged"):
        read_learning_curve(tmp_path)
