"""Sentences about classes that are missing in a split or have too few images."""

from collections import Counter
from collections.abc import Sequence

from engine.core.formatting import sentence_about
from engine.data.class_names import natural_key
from engine.data.folders.labelled_images import LabelledImage


def describe_missing_classes(images: Sequence[LabelledImage], classes: Sequence[str]) -> list[str]:
    """Return a sentence for each kind of class that a split lacks, and for classes with one training image.

    Args:
        images: All images.
        classes: Names of the classes, which are those of the training images if there are any.
    """
    counts = Counter((image.split, image.class_name) for image in images)
    splits = {split for split, _ in counts}
    kinds: list[tuple[str, list[str]]] = []
    for split in sorted(splits - {"train"}) if "train" in splits else ():
        unknown = {name for part, name in counts if part == split}.difference(classes)
        skipped = f"[Class|Classes] {{names}} of {split} skipped: [it|they] [has|have] no training images."
        missing = [name for name in classes if (split, name) not in counts]
        kinds.append((skipped, sorted(unknown, key=natural_key)))
        kinds.append((f"[Class|Classes] {{names}} [has|have] no images in {split}.", missing))
    single = [name for name in classes if counts["train", name] == 1]
    kinds.append(("[Class|Classes] {names} [has|have] only one training image[| each].", single))
    return [sentence_about(template, names) for template, names in kinds if names]


def describe_lost_classes(names: Sequence[str]) -> list[str]:
    """Return at most one sentence about classes whose training images were all excluded or relabelled."""
    return [sentence_about("[Class|Classes] {names} [has|have] no training images left.", names)] if names else []
