"""Tests of the criterion of the best epoch."""

import pytest

from engine.results.imbalance import choose_criterion


@pytest.mark.parametrize(
    ("val_counts", "criterion"),
    [
        ((20, 20), "accuracy"),
        ((20, 60), "accuracy"),
        ((20, 61), "balanced_accuracy"),
        ((19, 61), "balanced_loss"),
        ((200, 1), "balanced_loss"),
        ((200, 180, 2), "balanced_loss"),
        ((20, 60, 0), "accuracy"),
        ((200, 0), "last"),
        ((), "accuracy"),
    ],
)
def test_the_best_epoch_is_chosen_by_balanced_scores_if_validation_classes_differ_in_size(
    val_counts: tuple[int, ...], criterion: str
) -> None:
    assert choose_criterion(val_counts) == criterion
