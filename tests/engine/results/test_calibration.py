"""Tests of the calibration error, the risk-coverage curve and the decision threshold for a maximum error rate."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from engine.results.calibration import (
    NUM_BINS,
    Calibration,
    CoveragePoint,
    OperatingPoint,
    calibration_error,
    choose_operating_point,
    coverage_curve,
    reliability_bins,
)

_NEVER_CONFIDENT = OperatingPoint(float("inf"), 0, 20, 0, is_guaranteed=True)


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


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    filled = reliability_bins(np.array([0.25, 0.26, 0.5, 0.75, 0.9]), np.ones(5, dtype=bool), num_bins=4)
    assert [each.num_images for each in filled] == [1, 2, 1, 1]


def test_a_confidence_above_one_by_rounding_belongs_to_the_last_bin() -> None:
    filled = reliability_bins(np.array([0.99, 1.0000001]), np.array([True, False]))
    assert [(each.num_images, each.num_correct) for each in filled] == [(2, 1)]


def test_the_calibration_error_of_a_single_bin_is_the_distance_of_mean_confidence_and_accuracy() -> None:
    confidences, is_right = np.array([0.2, 0.4, 0.6]), np.array([True, False, True])
    assert calibration_error(confidences, is_right, num_bins=1) == pytest.approx(2 / 3 - 0.4)


def test_the_calibration_error_of_one_image_is_its_distance_from_the_outcome() -> None:
    assert calibration_error(np.array([0.7]), np.array([True])) == pytest.approx(0.3)


def test_without_images_there_are_no_bins_no_curve_and_no_calibration_error() -> None:
    confidences, is_right = np.empty(0), np.empty(0, dtype=bool)
    assert reliability_bins(confidences, is_right) == []
    assert coverage_curve(confidences, is_right) == ()
    assert calibration_error(confidences, is_right) == 0


def test_the_coverage_curve_counts_images_and_errors_above_each_threshold() -> None:
    curve = coverage_curve(np.array([0.9, 0.6, 0.9, 0.8]), np.array([True, False, True, False]))
    assert [(p.threshold, p.num_answered, p.num_wrong) for p in curve] == [(0.9, 2, 0), (0.8, 3, 1), (0.6, 4, 2)]


def test_a_long_curve_is_thinned_to_200_points_with_both_ends() -> None:
    confidences, is_right = _random_outcomes(0, 5000)
    curve = coverage_curve(confidences, is_right)
    assert len(curve) == 200
    assert (curve[0].num_answered, curve[-1].num_answered) == (1, 5000)


def test_a_curve_of_200_points_is_not_thinned() -> None:
    curve = coverage_curve(np.linspace(1, 0.5, 200), np.ones(200, dtype=bool))
    assert [point.num_answered for point in curve] == list(range(1, 201))


def test_the_threshold_has_the_highest_coverage_within_the_limit() -> None:
    curve = coverage_curve(
        np.linspace(1, 0.5, 200), np.arange(200) < 150
    )  # the 150 most confident predictions are correct
    point = choose_operating_point(curve, 0.05)
    assert point.is_guaranteed
    assert point.num_wrong + 1 <= 0.05 * (point.num_answered + 1)
    assert choose_operating_point(curve, 0.10).num_answered > point.num_answered > 150


def test_without_a_limit_nothing_is_unsure() -> None:
    curve = coverage_curve(np.array([0.9, 0.4]), np.array([True, False]))
    assert choose_operating_point(curve, None) == OperatingPoint(0.0, 2, 2, 1, is_guaranteed=True)


def test_without_validation_images_no_limit_is_guaranteed() -> None:
    assert choose_operating_point((), 0.05) == OperatingPoint(0.0, 0, 0, 0, is_guaranteed=False)


@pytest.mark.parametrize(("num_images", "is_guaranteed"), [(2, False), (3, True), (4, True)])
def test_a_limit_of_25_percent_needs_three_validation_images(num_images: int, is_guaranteed: bool) -> None:
    curve = coverage_curve(np.linspace(1, 0.5, num_images), np.ones(num_images, dtype=bool))
    point = choose_operating_point(curve, 0.25)
    assert point == OperatingPoint(0.0, num_images, num_images, 0, is_guaranteed=is_guaranteed)


@pytest.mark.parametrize(("num_answered", "is_allowed"), [(6, False), (7, True), (8, True)])
def test_one_more_error_than_observed_stays_within_the_limit(num_answered: int, is_allowed: bool) -> None:
    curve = (
        CoveragePoint(threshold=0.8, num_answered=num_answered, num_wrong=1),
        CoveragePoint(threshold=0.5, num_answered=20, num_wrong=9),
    )
    allowed = OperatingPoint(0.8, num_answered, 20, 1, is_guaranteed=True)
    assert choose_operating_point(curve, 0.25) == (allowed if is_allowed else _NEVER_CONFIDENT)


def test_a_limit_met_by_all_predictions_gives_threshold_zero() -> None:
    curve = coverage_curve(np.linspace(1, 0.5, 100), np.ones(100, dtype=bool))
    assert choose_operating_point(curve, 0.05).threshold == 0.0


def test_one_validation_image_is_too_few_for_a_threshold_of_similarity() -> None:
    calibration = Calibration(temperature=1, error_before=0, error_after=0, num_images=1, coverage=())
    assert calibration.ood_caveat.startswith("1\N{NO-BREAK SPACE}validation image is too few to find images unlike")
    assert not calibration.model_copy(update={"num_images": 20}).ood_caveat


def test_too_few_images_give_no_guarantee() -> None:
    curve = coverage_curve(np.array([0.9] * 10), np.ones(10, dtype=bool))
    point = choose_operating_point(curve, 0.02)
    assert (point.threshold, point.is_guaranteed) == (0.0, False)


def test_a_limit_that_no_threshold_meets_gives_an_infinite_threshold() -> None:
    curve = coverage_curve(np.linspace(1, 0.5, 100), np.arange(100) % 2 == 0)
    assert choose_operating_point(curve, 0.02) == OperatingPoint(float("inf"), 0, 100, 0, is_guaranteed=True)


def test_the_mean_error_rate_over_many_samples_stays_within_the_limit() -> None:
    error_rates = []
    for seed in range(200):
        confidences, is_right = _random_outcomes(seed, 600)
        threshold = choose_operating_point(coverage_curve(confidences[:300], is_right[:300]), 0.1).threshold
        answered = confidences[300:] >= threshold
        error_rates.append((~is_right[300:])[answered].mean() if answered.any() else 0.0)
    assert np.mean(error_rates) < 0.1
