"""Tests of class imbalance, class weights and balanced sampling."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from engine.audit.class_balance import (
    class_weights,
    describe_imbalance,
    uses_balanced_sampling,
    uses_class_weights,
)
from engine.config.settings import Balance
from engine.results.imbalance import imbalance_ratio


def test_class_weights_equal_those_of_scikit_learn_and_average_to_one() -> None:
    counts = [5, 120, 33]
    labels = np.repeat(np.arange(3), counts)
    assert class_weights(counts) == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=labels))
    assert np.mean([class_weights(counts)[label] for label in labels]) == pytest.approx(1)


def test_an_empty_class_does_not_change_the_weights() -> None:
    assert class_weights([10, 0, 30]) == [2.0, 1.0, pytest.approx(2 / 3)]
    assert imbalance_ratio([10, 0, 30]) == 3
    assert imbalance_ratio([]) == 1


def test_auto_draws_classes_evenly_only_above_three_to_one() -> None:
    assert not uses_balanced_sampling("auto", [10, 30])
    assert uses_balanced_sampling("auto", [10, 31])
    assert not uses_balanced_sampling("off", [1, 99])
    assert not uses_balanced_sampling("loss", [1, 99])
    assert uses_balanced_sampling("sampling", [10, 10])
    assert [balance for balance in ("auto", "off", "loss", "sampling") if uses_class_weights(balance)] == ["loss"]


@pytest.mark.parametrize(
    ("ratio", "balance", "words"),
    [
        (3.2, "auto", "Training draws each class equally often, as by default above 3 times."),
        (1.5, "auto", "Each image is drawn once."),
        (1.5, "sampling", "Training draws each class equally often."),
        (9.0, "loss", "The loss is weighted by class."),
        (9.0, "off", "Class balance is off."),
    ],
)
def test_the_sentence_describes_what_training_does(ratio: float, balance: Balance, words: str) -> None:
    assert describe_imbalance(ratio, balance).endswith(words)
