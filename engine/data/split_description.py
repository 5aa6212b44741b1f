"""Sentences about the classes and the split of a dataset."""

from collections.abc import Sequence

from engine.core.formatting import listing

_MAX_NAMES = 10


def describe_classes(classes: Sequence[str]) -> str:
    """Return the number of classes and the first names, such as `2 classes: ant, bee`."""
    return f"{len(classes):,} {'class' if len(classes) == 1 else 'classes'}: {listing(classes, _MAX_NAMES)}"


def describe_split(num_train: int, num_val: int, num_test: int, is_drawn: bool) -> str:
    """Return the sizes of the splits, such as `80 training, 20 validation (drawn from the training images), 0 test`.

    Args:
        num_train: Number of training images.
        num_val: Number of validation images; 0 if they have not been drawn yet.
        num_test: Number of test images.
        is_drawn: True if the folder has no validation images of its own.
    """
    if is_drawn and not num_val:
        return f"{num_train:,} training, from which validation images will be drawn, {num_test:,} test"
    origin = "drawn from the training images" if is_drawn else "the folder's own"
    return f"{num_train:,} training, {num_val:,} validation ({origin}), {num_test:,} test"
