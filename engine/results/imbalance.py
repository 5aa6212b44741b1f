"""Class imbalance, and how the best epoch is chosen under it."""

from collections.abc import Sequence

from engine.core.events import Criterion
from engine.results.few_images import MIN_VAL_IMAGES

MAX_IMBALANCE = 3.0
"""Imbalance ratio above which classes count equally in training, in the choice of the best epoch and in headlines."""

CRITERION_TEXTS: dict[Criterion, str] = {
    "accuracy": "highest accuracy",
    "balanced_accuracy": "highest balanced accuracy, as the classes differ in size",
    "balanced_loss": "lowest loss averaged over the classes, as they differ in size",
    "last": "the last one, as validation images of one class cannot choose",
}
"""Description of the best epoch by the criterion that chose it."""


def imbalance_ratio(counts: Sequence[int]) -> float:
    """Return the size of the largest class divided by that of the smallest non-empty class; 1 without images."""
    present = [count for count in counts if count]
    return max(present) / min(present) if present else 1.0


def choose_criterion(val_counts: Sequence[int]) -> Criterion:
    """Return how the best epoch is chosen for these numbers of validation images per class.

    Accuracy would choose an epoch that ignores a rare class. Classes of different sizes therefore count equally; if
    one of them has few images, so that a single image changes its recall a lot, the loss decides. With one class only,
    validation cannot choose an epoch.
    """
    present = [count for count in val_counts if count]
    if len(present) == 1:
        return "last"
    if imbalance_ratio(present) <= MAX_IMBALANCE:
        return "accuracy"
    return "balanced_loss" if min(present) < MIN_VAL_IMAGES else "balanced_accuracy"
