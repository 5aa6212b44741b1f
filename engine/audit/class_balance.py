"""Class imbalance and class weights."""

from collections.abc import Sequence

from engine.config.settings import Balance

MAX_UNWEIGHTED_RATIO = 3.0
"""Imbalance ratio above which `auto` uses class weights."""


def imbalance_ratio(counts: Sequence[int]) -> float:
    """Return the size of the largest class divided by that of the smallest non-empty class; 1 without images."""
    present = [count for count in counts if count]
    return max(present) / min(present) if present else 1.0


def uses_class_weights(balance: Balance, counts: Sequence[int]) -> bool:
    """Return True if the loss is weighted by class."""
    return balance == "loss" or (balance == "auto" and imbalance_ratio(counts) > MAX_UNWEIGHTED_RATIO)


def class_weights(counts: Sequence[int]) -> list[float]:
    """Return the weight of an image of each class, inversely proportional to the number of images of the class.

    The weight is N / (K n) for a class of n among N images of K non-empty classes, so the mean weight over all images
    is 1, as with `class_weight="balanced"` in scikit-learn. An empty class gets 1.
    """
    present = [count for count in counts if count]
    return [sum(present) / (len(present) * count) if count else 1.0 for count in counts]


def describe_imbalance(ratio: float) -> str:
    """Return a sentence about the imbalance and the class weights that training uses by default."""
    limit = f", as by default above {MAX_UNWEIGHTED_RATIO:.0f} times" if ratio > MAX_UNWEIGHTED_RATIO else ""
    return f"The largest class has {ratio:.1f} times the images of the smallest. The loss is weighted by class{limit}."
