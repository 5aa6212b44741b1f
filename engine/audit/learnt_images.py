"""The images that a model learnt from, known by digests that recognise them and their copies in any folder.

An image is recognised by its bytes, or as a re-saved copy (re-encoded, resized, without EXIF data) by two perceptual
hashes, mean colour and contrast. The digests contain neither names nor pixels.
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from engine.audit.fingerprint import Records
from engine.audit.image_digests import (
    Digests,
    Flags,
    have_twins,
    make_digests,
    max_distances,
    plain_colours,
    similar_pairs,
)
from engine.core.formatting import count

MAX_IMAGES = 4_000_000
"""Limit of the images in a model file, twice the largest dataset."""
_MAX_TWINS = 500
"""Number of learnt images that look alike with which others are compared."""


@dataclass(frozen=True)
class Copies:
    """Flags of N images: copies of images that a model learnt from."""

    is_same: Flags
    """Same bytes, shape (N,)."""
    is_resaved: Flags
    """Other bytes but the same picture, shape (N,)."""
    is_doubtful: Flags
    """Looks like learnt images that look like each other, so it may be a copy or not, shape (N,)."""

    @property
    def is_any(self) -> Flags:
        """Copies of either kind without the doubtful ones, shape (N,)."""
        return self.is_same | self.is_resaved


def doubtful_message(number: int, noun: str) -> str:
    """Return two sentences about images that may be copies; `noun` is their name, such as "test image"."""
    look, they_are = ("looks", "It is") if number == 1 else ("look", "They are")
    return (
        f"{count(number, noun)} {look} like images that were learnt from. {they_are} counted: those images look like "
        "each other, so only identical files are recognised as copies."
    )


@dataclass(frozen=True)
class LearntImages:
    """Digests of N different images, sorted, so that their order does not show that of the dataset."""

    digests: Digests
    """Shape (N,)."""

    @classmethod
    def from_records(cls, records: Records) -> "LearntImages":
        """Return the digests of fingerprinted images, shape (N,) of RECORD."""
        return cls(np.unique(make_digests(records)))

    def __len__(self) -> int:
        return len(self.digests)

    def union(self, other: "LearntImages") -> "LearntImages":
        """Return the digests of both, each image once."""
        return LearntImages(np.unique(np.concatenate((self.digests, other.digests))))

    def find_copies(self, records: Records) -> Generator[int, None, Copies]:
        """Return which images are copies of these; yields the number of images compared so far.

        Args:
            records: Fingerprints of the images, shape (N,) of RECORD.
        """
        digests, distances = make_digests(records), max_distances(records)
        is_same = np.isin(digests["digest"], self.digests["digest"])
        plain = plain_colours(self.digests)
        is_resaved = ~is_same & np.isin(plain_colours(digests), plain[plain >= 0])
        is_doubtful = np.zeros(len(records), np.bool_)
        others = np.flatnonzero(~is_same & digests["hashes"].any(1))
        known = self.digests[self.digests["hashes"].any(1)]
        has_twins = have_twins(known)
        twins = known[has_twins]
        twins = twins[:: max(1, len(twins) // _MAX_TWINS)]
        for learnt, flags in ((known[~has_twins], is_resaved), (twins, is_doubtful)):
            for num_done, ours, _ in similar_pairs(digests[others], learnt, distances[others]):
                flags[others[ours]] = True
                yield num_done
        return Copies(is_same, is_resaved, is_doubtful & ~is_resaved)
