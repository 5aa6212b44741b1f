"""Parts of image files that decoding leaves out, for the notes of a scan."""

from collections.abc import Sequence
from enum import IntFlag

from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base

from engine.core.formatting import count

_OPACITY = ((1,), (2,))
"""Kinds of a first extra channel that is opacity, premultiplied or not."""


class Trait(IntFlag):
    """Properties of a file that a note mentions."""

    PAGES = 1
    """The file has several pages or frames."""
    CHANNELS = 2
    """The file has channels beside grey or colour and transparency."""
    INVISIBLE = 4
    """All pixels are transparent."""


_SENTENCES = {
    Trait.PAGES: (
        "has several pages or frames: only the first is used",
        "have several pages or frames: only the first is used",
    ),
    Trait.CHANNELS: (
        "has more channels than colours: only the first ones are used",
        "have more channels than colours: only the first ones are used",
    ),
    Trait.INVISIBLE: ("is fully transparent and shows nothing", "are fully transparent and show nothing"),
}


def read_traits(image: Image.Image) -> Trait:
    """Return the traits of an opened image that need no decoding."""
    traits = Trait(0)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if image.tag_v2.next:
            traits |= Trait.PAGES
        extra = image.tag_v2.get(Base.ExtraSamples) or ()
        kinds = extra if isinstance(extra, tuple) else (extra,)
        if len(kinds) > (kinds[:1] in _OPACITY):
            traits |= Trait.CHANNELS
    elif image.format in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        traits |= Trait.PAGES
    return traits


def describe_traits(traits: Sequence[int]) -> list[str]:
    """Return a sentence for each trait that some of the images have."""
    sentences = []
    for trait, (singular, plural) in _SENTENCES.items():
        number = sum(bool(value & trait) for value in traits)
        if number:
            sentences.append(f"{count(number, 'image')} {singular if number == 1 else plural}.")
    return sentences
