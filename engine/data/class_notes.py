"""Sentences about classes that are missing in a split or have too few images."""

from collections import Counter
from collections.abc import Sequence

from engine.core.formatting import quoted_list
from engine.data.class_names import natural_key
from engine.data.labelled_images import LabelledImage


def describe_missing_classes(images: Sequence[LabelledImage], classes: Sequence[str]) -> list[str]:
    """Return a sentence for each kind of class that a split lacks, and for classes with one training image.

    Args:
        images: All images.
        classes: Names of the classes, which are those of the training images if there are any.
    """
    notes: list[str] = []
    train = Counter(image.class_name for image in images if image.split == "train")
    for split in ("test", "val"):
        present = {image.class_name for image in images if image.split == split}
        if train and present:
            skipped = f"of {split} skipped: "
            unknown = sorted(present - set(classes), key=natural_key)
            notes += _describe(unknown, f"{skipped}it has", f"{skipped}they have", "no training images")
            missing = [name for name in classes if name not in present]
            notes += _describe(missing, "has", "have", f"no images in {split}")
    return notes + _describe([name for name in classes if train[name] == 1], "has", "have", "only one training image")


def describe_lost_classes(names: Sequence[str]) -> list[str]:
    """Return a sentence about classes whose training images were all excluded or relabelled."""
    return _describe(names, "has", "have", "no training images left")


def _describe(names: Sequence[str], one: str, many: str, what: str) -> list[str]:
    """Return a sentence about classes, with the verb for one and for many; none if there are no names."""
    if not names:
        return []
    subject, verb = ("Class", one) if len(names) == 1 else ("Classes", many)
    return [f"{subject} {quoted_list(names)} {verb} {what}."]
