"""Tests of calibration error, coverage and the threshold that an error budget gives."""

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


def _answers(seed: int, num_images: int = 400) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    confidences = dice.uniform(0.3, 1, num_images)
    return confidences, dice.random(num_images) < confidences**2


@pytest.mark.parametrize("seed", range(20))
def test_the_calibration_error_is_what_scikit_learns_bins_give(seed: int) -> None:
    confidences, is_right = _answers(seed)
    accuracy, confidence = calibration_curve(is_right, confidences, n_bins=NUM_BINS)
    numbers = np.histogram(confidences, np.linspace(0, 1, NUM_BINS + 1))[0]
    expected = (numbers[numbers > 0] * abs(accuracy - confidence)).sum() / len(confidences)
    assert calibration_error(confidences, is_right) == pytest.approx(expected, abs=1e-9)


def test_a_confidence_of_one_and_of_nought_have_their_bins() -> None:
    found = reliability_bins(np.array([0.0, 1.0, 1.0]), np.array([False, True, False]))
    assert [(each.num_images, each.accuracy) for each in found] == [(1, 0.0), (2, 0.5)]


def test_coverage_counts_what_each_threshold_answers() -> None:
    curve = coverage_curve(np.array([0.9, 0.6, 0.9, 0.8]), np.array([True, False, True, False]))
    assert [(p.threshold, p.num_answered, p.num_wrong) for p in curve] == [(0.9, 2, 0), (0.8, 3, 1), (0.6, 4, 2)]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    confidences, is_right = _answers(0, 5000)
    curve = coverage_curve(confidences, is_right)
    assert len(curve) <= 200
    assert (curve[0].num_answered, curve[-1].num_answered) == (1, 5000)


def test_the_threshold_answers_most_within_the_budget() -> None:
    curve = coverage_curve(np.linspace(1, 0.5, 200), np.arange(200) < 150)  # the surest 150 are right
    budget = choose_operating_point(curve, 0.05)
    assert budget.is_guaranteed
    assert budget.num_wrong + 1 <= 0.05 * (budget.num_answered + 1)
    assert choose_operating_point(curve, 0.10).num_answered > budget.num_answered > 150


def test_without_a_budget_all_is_answered() -> None:
    curve = coverage_curve(np.array([0.9, 0.4]), np.array([True, False]))
    assert choose_operating_point(curve, None)[:3] == (0.0, 2, 2)


def test_a_budget_that_all_answers_keep_holds_nothing_back() -> None:
    curve = coverage_curve(np.linspace(1, 0.5, 100), np.ones(100, dtype=bool))
    assert choose_operating_point(curve, 0.05).threshold == 0.0


def test_too_few_images_promise_nothing_and_say_so() -> None:
    curve = coverage_curve(np.array([0.9] * 10), np.ones(10, dtype=bool))
    budget = choose_operating_point(curve, 0.02)
    assert (budget.threshold, budget.is_guaranteed) == (0.0, False)


def test_a_model_that_is_never_sure_enough_answers_nothing() -> None:
    curve = coverage_curve(np.linspace(1, 0.5, 100), np.arange(100) % 2 == 0)
    assert choose_operating_point(curve, 0.02).num_answered == 0
    assert choose_operating_point(curve, 0.02).threshold == float("inf")


def test_over_many_draws_the_error_among_the_answered_keeps_to_the_budget() -> None:
    shares = []
    for seed in range(200):
        confidences, is_right = _answers(seed, 600)
        threshold = choose_operating_point(coverage_curve(confidences[:300], is_right[:300]), 0.1).threshold
        answered = confidences[300:] >= threshold
        shares.append((~is_right[300:])[answered].mean() if answered.any() else 0.0)
    assert np.mean(shares) < 0.1
