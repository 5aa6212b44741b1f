"""Classes that an accuracy over all images hides: those with a low recall, and those without images."""

from collections.abc import Sequence

from engine.core.events import ClassRecall
from engine.core.formatting import quoted_listing
from engine.results.imbalance import MAX_IMBALANCE, imbalance_ratio

MAX_WEAKEST = 3
"""Number of weak classes that are stored and named."""
MAX_UNMEASURED = 5
"""Number of classes without images that are stored and named."""
_LOW_SHARE = 0.5
_MIN_IMAGES = 5


def weak_classes(recalls: Sequence[ClassRecall], accuracy: float) -> list[ClassRecall]:
    """Return the classes to name beside an accuracy, the lowest recall first.

    These are the classes whose recall is zero or below half of the accuracy, and, if classes differ in size, those
    with so few images that their recall is hardly known.

    Args:
        recalls: Results of all classes; those without images are ignored.
        accuracy: Accuracy (0..1) over all images.
    """
    measured = [each for each in recalls if each.num_images]
    is_imbalanced = imbalance_ratio([each.num_images for each in measured]) > MAX_IMBALANCE
    weak = [
        each
        for each in measured
        if not each.num_correct
        or each.num_correct < _LOW_SHARE * accuracy * each.num_images
        or (is_imbalanced and each.num_images < _MIN_IMAGES)
    ]
    return sorted(weak, key=lambda each: (each.num_correct / each.num_images, -each.num_images, each.name))


def describe_weak(weakest: Sequence[ClassRecall], num_weak: int, noun: str = "validation images") -> str:
    """Return a sentence that names the weakest classes with their counts, or an empty text if there are none.

    Args:
        weakest: The first few weak classes, from `weak_classes`.
        num_weak: Number of all weak classes.
        noun: Name of the images, in the plural.
    """
    if not weakest:
        return ""
    named = "; ".join(
        f"'{each.name}': {each.num_correct:,} of {each.num_images:,} {noun} are found" for each in weakest[:MAX_WEAKEST]
    )
    num_more = num_weak - min(len(weakest), MAX_WEAKEST)
    if num_more <= 0:
        return f"{named}."
    have = "class has" if num_more == 1 else "classes have"
    return f"{named}; {num_more:,} more {have} a low recall or few images."


def describe_unmeasured(
    names: Sequence[str], num_unmeasured: int, num_classes: int, noun: str = "validation images"
) -> str:
    """Return a sentence about the classes without images, or an empty text if there are none.

    Args:
        names: The first few of these classes.
        num_unmeasured: Number of all of them.
        num_classes: Number of all classes.
        noun: Name of the images, in the plural.
    """
    if not num_unmeasured:
        return ""
    verb = "is" if num_unmeasured == 1 else "are"
    have = "it has" if num_unmeasured == 1 else "they have"
    return (
        f"{num_unmeasured:,} of {num_classes:,} classes {verb} not measured, because {have} no {noun}: "
        f"{quoted_listing(names, MAX_UNMEASURED, num_unmeasured)}."
    )
