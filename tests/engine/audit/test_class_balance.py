"""Tests of class imbalance and class weights."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from engine.audit.class_balance import class_weights, describe_imbalance, imbalance_ratio, uses_class_weights


def test_class_weights_equal_those_of_scikit_learn_and_average_to_one() -> None:
    counts = [5, 120, 33]
    labels = np.repeat(np.arange(3), counts)
    assert class_weights(counts) == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=labels))
    assert np.mean([class_weights(counts)[label] for label in labels]) == pytest.approx(1)


def test_an_empty_class_does_not_change_the_weights() -> None:
    assert class_weights([10, 0, 30]) == [2.0, 1.0, pytest.approx(2 / 3)]
    assert imbalance_ratio([10, 0, 30]) == 3
    assert imbalance_ratio([]) == 1


def test_auto_uses_class_weights_only_above_three_to_one() -> None:
    assert not uses_class_weights("auto", [10, 30])
    assert uses_class_weights("auto", [10, 31])
    assert not uses_class_weights("off", [1, 99])
    assert uses_class_weights("loss", [10, 10])


def test_the_sentence_names_the_limit_when_it_is_exceeded() -> None:
    assert "above 3 times" in describe_imbalance(3.2)
    assert "above" not in describe_imbalance(1.5)
