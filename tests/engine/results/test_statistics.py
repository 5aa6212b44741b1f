"""Tests of intervals, McNemar's test and AUROC against statsmodels and scikit-learn on random inputs."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from engine.results.statistics import auroc, count_successes, mcnemar_p_value, wilson_interval


@pytest.mark.parametrize("seed", range(50))
def test_the_wilson_interval_equals_that_of_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_images = int(rng.integers(1, 3000))
    num_correct = int(rng.integers(0, num_images + 1))
    expected = proportion_confint(num_correct, num_images, method="wilson")
    assert wilson_interval(num_correct, num_images) == pytest.approx(expected, abs=1e-12)


def test_the_interval_without_images_is_0_to_1() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_the_number_of_successes_is_recovered_from_a_rounded_share() -> None:
    for num_images in (1, 7, 152, 9999):
        for num_correct in {0, 1, num_images // 3, num_images}:
            assert count_successes(float(np.float32(num_correct / num_images)), num_images) == num_correct
    assert count_successes(1.0000001, 3) == 3
    assert count_successes(0.5, 0) == 0


@pytest.mark.parametrize("seed", range(50))
def test_the_p_value_equals_that_of_statsmodels(seed: int) -> None:
    first, second = np.random.default_rng(seed).integers(0, 60, 2).tolist()
    expected = reference_mcnemar([[5, first], [second, 7]], exact=True).pvalue
    assert mcnemar_p_value(first, second) == pytest.approx(min(1.0, expected), rel=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(10_000, 10_000, 1.0), (9_800, 10_200, 0.004780889455902781), (4_900, 5_100, 0.04658552770494739)],
)
def test_the_p_value_of_10_000_discordant_images_equals_the_exact_sum_of_integers(
    first: int, second: int, expected: float
) -> None:
    assert mcnemar_p_value(first, second) == pytest.approx(expected, rel=1e-12)
    assert mcnemar_p_value(second, first) == pytest.approx(expected, rel=1e-12)


def test_the_p_value_without_discordant_images_is_1() -> None:
    assert mcnemar_p_value(0, 0) == 1.0


def test_the_p_value_of_thousands_of_images_is_finite() -> None:
    assert 0 <= mcnemar_p_value(3000, 5000) < 1e-100


def test_importing_the_module_does_not_import_scipy_stats() -> None:
    code = "import sys, engine.results.statistics; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("seed", range(50))
def test_auroc_equals_that_of_scikit_learn_with_ties_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, negative = rng.normal(0.5, 1, 40).round(1), rng.normal(0, 1, 70).round(1)
    truth = np.r_[np.ones(40), np.zeros(70)]
    assert auroc(positive, negative) == pytest.approx(roc_auc_score(truth, np.r_[positive, negative]), abs=1e-12)
