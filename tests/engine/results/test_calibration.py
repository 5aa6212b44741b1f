"""Tests of the calibration error, the risk-coverage curve and the decision threshold for a maximum error rate."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from engine.results.calibration import (
    NUM_BINS,
    calibration_error,
    choose_operating_point,
    coverage_curve,
    reliability_bins,
)


def _random_outcomes(seed: int, num_images: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    confidences = rng.uniform(0.3, 1, num_images)
    return confidences, rng.random(num_images) < confidences**2


@pytest.mark.parametrize("seed", range(20))
def test_the_calibration_error_equals_that_of_scikit_learns_bins(seed: int) -> None:
    confidences, is_right = _random_outcomes(seed)
    accuracy, confidence = calibration_curve(is_right, confidences, n_bins=NUM_BINS)
    numbers = np.histogram(confidences, np.linspace(0, 1, NUM_BINS + 1))[0]
    expected = (numbers[numbers > 0] * abs(accuracy - confidence)).sum() / len(confidences)
    assert calibration_error(confidences, is_right) == pytest.approx(expected, abs=1e-9)


def test_confidences_of_zero_and_one_are_binned() -> None:
    filled = reliability_bins(np.array([0.0, 1.0, 1.0]), np.array([False, True, False]))
    assert [(each.num_images, each.accuracy) for each in filled] == [(1, 0.0), (2, 0.5)]


def test_the_coverage_curve_counts_images_and_errors_above_each_threshold() -> None:
    curve = coverage_curve(np.array([0.9, 0.6, 0.9, 0.8]), np.array([True, False, True, False]))
    assert [(p.threshold, p.num_answered, p.num_wrong) for p in curve] == [(0.9, 2, 0), (0.8, 3, 1), (0.6, 4, 2)]


def test_a_long_curve_is_thinned_to_200_points_with_both_ends() -> None:
    confidences, is_right = _random_outcomes(0, 5000)
    curve = coverage_curve(confidences, is_right)
    assert len(curve) <= 200
    assert (curve[0].num_answered, curve[-1].num_answered) == (1, 5000)


def test_the_threshold_has_the_highest_coverage_within_the_limit() -> None:
    curve = coverage_curve(
        np.linspace(1, 0.5, 200), np.arange(200) < 150
    )  # the 150 most confident predictions are correct
    point = choose_operating_point(curve, 0.05)
    assert point.is_guaranteed
    assert point.num_wrong + 1 <= 0.05 * (point.num_answered + 1)
    assert choose_operating_point(curve, 0.10).num_answered > point.num_answered > 150


def test_without_a_limit_the_threshold_is_zero() -> None:
    curve = coverage_curve(np.array([0.9, 0.4]), np.array([True, False]))
    assert choose_operating_point(curve, None)[:3] == (0.0, 2, 2)


def test_a_limit_met_by_all_predictions_gives_threshold_zero() -> None:
    curve = coverage_curve(np.linspace(1, 0.5, 100), np.ones(100, dtype=bool))
    assert choose_operating_point(curve, 0.05).threshold == 0.0


def test_too_few_images_give_no_guarantee() -> None:
    curve = coverage_curve(np.array([0.9] * 10), np.ones(10, dtype=bool))
    point = choose_operating_point(curve, 0.02)
    assert (point.threshold, point.is_guaranteed) == (0.0, False)


def test_a_limit_that_no_threshold_meets_gives_an_infinite_threshold() -> None:
    curve = coverage_curve(np.linspace(1, 0.5, 100), np.arange(100) % 2 == 0)
    assert choose_operating_point(curve, 0.02).num_answered == 0
    assert choose_operating_point(curve, 0.02).threshold == float("inf")


def test_the_mean_error_rate_over_many_samples_stays_within_the_limit() -> None:
    error_rates = []
    for seed in range(200):
        confidences, is_right = _random_outcomes(seed, 600)
        threshold = choose_operating_point(coverage_curve(confidences[:300], is_right[:300]), 0.1).threshold
        answered = confidences[300:] >= threshold
        error_rates.append((~is_right[300:])[answered].mean() if answered.any() else 0.0)
    assert np.mean(error_rates) < 0.1
