"""Numbers of images below which a figure means little, and the sentences that warn of it."""

from collections.abc import Sequence

from engine.core.formatting import count, quoted_listing

MIN_VAL_IMAGES = 20
"""Below this number of images the 95 % interval of an accuracy spans 16 points or more even without any error."""
MIN_TRAIN_IMAGES = 10
"""Below this number of training images of a class, the model hardly learns the class."""
_ADVICE = f"a model hardly learns a class from fewer than {MIN_TRAIN_IMAGES}. Add images if you can."


def too_few(num_images: int, noun: str = "validation image") -> str:
    """Return the start of a sentence, such as `19 validation images are too few`."""
    return f"{count(num_images, noun)} {'is' if num_images == 1 else 'are'} too few"


def few_images_warning(num_images: int, noun: str) -> str:
    """Return a sentence if `num_images` are too few to judge a model, else an empty text."""
    if num_images >= MIN_VAL_IMAGES:
        return ""
    return f"{too_few(num_images, noun)} to judge the model; use at least {MIN_VAL_IMAGES}."


def few_training_images_warning(classes: Sequence[str], train_counts: Sequence[int]) -> str:
    """Return a sentence about the classes with fewer than 10 training images, or an empty text if there are none."""
    small = sorted((number, name) for name, number in zip(classes, train_counts) if number < MIN_TRAIN_IMAGES)
    if not small:
        return ""
    if len(small) == 1:
        number, name = small[0]
        return f"Class '{name}' has only {count(number, 'training image')}; {_ADVICE}"
    names = quoted_listing([name for _, name in small])
    return f"{len(small):,} classes have fewer than {MIN_TRAIN_IMAGES} training images ({names}); {_ADVICE}"
