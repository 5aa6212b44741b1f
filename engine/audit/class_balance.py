"""How unequal classes are in number, and how much more an image of a rare class counts for it."""

from collections.abc import Sequence

from engine.config.settings import Balance

MAX_UNWEIGHTED_RATIO = 3.0
"""Largest over smallest class from which on rare classes count more by themselves."""
_LIMIT = f" (so done above {MAX_UNWEIGHTED_RATIO:.0f} times)"


def imbalance_ratio(counts: Sequence[int]) -> float:
    """Return the size of the largest class over that of the smallest, of those that have images; 1 for none."""
    present = [count for count in counts if count]
    return max(present) / min(present) if present else 1.0


def uses_class_weights(balance: Balance, counts: Sequence[int]) -> bool:
    """Say whether images of rare classes shall count more in the loss."""
    return balance == "loss" or (balance == "auto" and imbalance_ratio(counts) > MAX_UNWEIGHTED_RATIO)


def class_weights(counts: Sequence[int]) -> list[float]:
    """Return what an image of each class counts, so that classes count alike and the mean over all images is 1.

    That is N / (K n) for a class of n among N images of K classes; a class without images gets 1.
    """
    present = [count for count in counts if count]
    return [sum(present) / (len(present) * count) if count else 1.0 for count in counts]


def describe_imbalance(ratio: float) -> str:
    """Say that classes are unequal, and what training does about it by itself."""
    return (
        f"The largest class has {ratio:.1f} times the images of the smallest. Images of rare classes count more in "
        f"training, so that all classes count alike{_LIMIT if ratio > MAX_UNWEIGHTED_RATIO else ''}."
    )
