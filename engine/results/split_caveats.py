"""Warnings about the numbers of training and validation images, before a training starts."""

from collections.abc import Sequence

from engine.results.class_recalls import describe_unmeasured
from engine.results.few_images import few_images_warning, few_training_images_warning


def split_caveats(classes: Sequence[str], train_counts: Sequence[int], val_counts: Sequence[int]) -> list[str]:
    """Return sentences about classes with few training images, few validation images, and classes without any.

    Args:
        classes: Names of the classes.
        train_counts: Number of training images of each class.
        val_counts: Number of validation images of each class.
    """
    unmeasured = [name for name, number in zip(classes, val_counts) if not number]
    measured = [name for name, number in zip(classes, val_counts) if number]
    only_one = (
        f"Only '{measured[0]}' has validation images, so they cannot show which epoch is best; the last one is kept."
        if len(measured) == 1
        else ""
    )
    sentences = (
        few_training_images_warning(classes, train_counts),
        few_images_warning(sum(val_counts), "validation image"),
        describe_unmeasured(unmeasured, len(unmeasured), len(classes)),
        only_one,
    )
    return [sentence for sentence in sentences if sentence]


def expected_split(counts: Sequence[int], val_fraction: float) -> tuple[list[int], list[int]]:
    """Return the numbers of training and validation images per class that a drawn split has without duplicates."""
    val = [min(max(1, round(count * val_fraction)), count - 1) if count else 0 for count in counts]
    return [count - number for count, number in zip(counts, val)], val
