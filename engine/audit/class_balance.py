"""Class weights and balanced sampling, which compensate for class imbalance in training."""

from collections.abc import Sequence

from engine.config.settings import Balance
from engine.results.imbalance import MAX_IMBALANCE, imbalance_ratio


def uses_class_weights(balance: Balance) -> bool:
    """Return True if the loss is weighted by class."""
    return balance == "loss"


def uses_balanced_sampling(balance: Balance, counts: Sequence[int]) -> bool:
    """Return True if each class is drawn equally often.

    Weights in the loss have the same mean gradient, but concentrate it in the few batches that hold a rare class,
    where gradient clipping removes most of it.
    """
    return balance == "sampling" or (balance == "auto" and imbalance_ratio(counts) > MAX_IMBALANCE)


def class_weights(counts: Sequence[int]) -> list[float]:
    """Return the weight of an image of each class, inversely proportional to the number of images of the class.

    The weight is N / (K n) for a class of n among N images of K non-empty classes, so the mean weight over all images
    is 1, as with `class_weight="balanced"` in scikit-learn. An empty class gets 1.
    """
    present = [count for count in counts if count]
    return [sum(present) / (len(present) * count) if count else 1.0 for count in counts]


def describe_imbalance(ratio: float, balance: Balance = "auto") -> str:
    """Return a sentence about the class sizes and one about what training does with this setting."""
    is_sampled = balance == "sampling" or (balance == "auto" and ratio > MAX_IMBALANCE)
    limit = f", as by default above {MAX_IMBALANCE:.0f} times" if balance == "auto" else ""
    method = {"off": "Class balance is off.", "loss": "The loss is weighted by class."}.get(
        balance, f"Training draws each class equally often{limit}." if is_sampled else "Each image is drawn once."
    )
    return f"The largest class has {ratio:.1f} times the images of the smallest. {method}"
