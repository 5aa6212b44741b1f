"""Tests of intervals, paired comparison and ranking against scipy, statsmodels and scikit-learn on random inputs."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from engine.results.statistics import auroc, mcnemar_p_value, wilson_interval


@pytest.mark.parametrize("seed", range(50))
def test_the_interval_is_that_of_scipy(seed: int) -> None:
    dice = np.random.default_rng(seed)
    num_images = int(dice.integers(1, 3000))
    num_right = int(dice.integers(0, num_images + 1))
    expected = binomtest(num_right, num_images).proportion_ci(0.95, method="wilson")
    assert wilson_interval(num_right / num_images, num_images) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )


def test_an_interval_from_no_image_says_nothing() -> None:
    assert wilson_interval(0.0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("seed", range(50))
def test_the_p_value_is_that_of_statsmodels(seed: int) -> None:
    first, second = np.random.default_rng(seed).integers(0, 60, 2).tolist()
    expected = reference_mcnemar([[5, first], [second, 7]], exact=True).pvalue
    assert mcnemar_p_value(first, second) == pytest.approx(min(1.0, expected), rel=1e-9)


def test_models_that_differ_nowhere_cannot_be_told_apart() -> None:
    assert mcnemar_p_value(0, 0) == 1.0


def test_the_p_value_of_thousands_of_images_is_a_number() -> None:
    assert 0 <= mcnemar_p_value(3000, 5000) < 1e-100


@pytest.mark.parametrize("seed", range(50))
def test_the_area_is_that_of_scikit_learn_with_ties_too(seed: int) -> None:
    dice = np.random.default_rng(seed)
    positive, negative = dice.normal(0.5, 1, 40).round(1), dice.normal(0, 1, 70).round(1)
    truth = np.r_[np.ones(40), np.zeros(70)]
    assert auroc(positive, negative) == pytest.approx(roc_auc_score(truth, np.r_[positive, negative]), abs=1e-12)
