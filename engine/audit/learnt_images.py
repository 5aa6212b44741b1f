"""Digests of the images that a model learnt from, which recognise these images and their copies in any folder.

An image is recognised by its bytes, or as a re-saved copy (re-encoded, resized, without EXIF data) by two perceptual
hashes, mean colour and contrast. The digests contain neither names nor pixels.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.audit.fingerprint import Records

ROW = np.dtype(
    [
        ("digest", "<u8"),  # first 8 bytes of BLAKE2b of the file
        ("hashes", "<u8", 2),  # perceptual hashes of the whole image and of its inner part, 0 for a plain image
        ("colour", "u1", 3),  # mean red, green, blue
        ("contrast", "u1"),  # standard deviation of grey
    ]
)
"""Digests of one image: 28 bytes."""
MAX_ROWS = 4_000_000
"""Limit of the images in a model file, twice the largest dataset."""

_MAX_DISTANCE = 6
"""Largest sum of the Hamming distances of both hashes; `python -m benchmarks.copies` measures it."""
_MAX_COLOUR_DIFFERENCE = 3
_MAX_CONTRAST_DIFFERENCE = 3
_MIN_SIDE = 32
"""Smaller images have too little detail for a tolerance, so that only equal hashes count."""
_MIN_CONTRAST = 4
"""Hashes of plainer images are noise."""
_BAND = np.uint64(0xFFFF)
_MAX_PAIRS = 500_000
"""Pairs in memory at once, about 50 MB."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Copies:
    """Which of N images are copies of images that a model learnt from."""

    is_same: Flags
    """Same bytes, shape (N,)."""
    is_resaved: Flags
    """Other bytes but the same picture, shape (N,)."""

    @property
    def is_any(self) -> Flags:
        """Copies of either kind, shape (N,)."""
        return self.is_same | self.is_resaved


@dataclass(frozen=True)
class LearntImages:
    """Digests of N different images, sorted, so that their order does not show that of the dataset."""

    rows: npt.NDArray[np.void]
    """Shape (N,) of ROW."""

    @classmethod
    def from_records(cls, records: Records) -> "LearntImages":
        """Return the digests of fingerprinted images, shape (N,) of RECORD."""
        rows = np.zeros(len(records), ROW)
        rows["digest"] = records["digest"][:, 0]
        rows["hashes"] = np.where((records["contrast"] >= _MIN_CONTRAST)[:, None], records["hashes"], 0)
        rows["colour"] = np.round(records["colour"]).clip(0, 255)
        rows["contrast"] = np.round(records["contrast"]).clip(0, 255)
        return cls(np.unique(rows))

    def __len__(self) -> int:
        return len(self.rows)

    def union(self, other: "LearntImages") -> "LearntImages":
        """Return the digests of both, each image once."""
        return LearntImages(np.unique(np.concatenate((self.rows, other.rows))))

    def find_copies(self, records: Records) -> Generator[int, None, Copies]:
        """Return which images are copies of these; yields the number of images compared so far.

        Args:
            records: Fingerprints of the images, shape (N,) of RECORD.
        """
        is_same = np.isin(records["digest"][:, 0], self.rows["digest"])
        is_resaved = np.zeros(len(records), np.bool_)
        others = np.flatnonzero(~is_same & (records["contrast"] >= _MIN_CONTRAST))
        known = self.rows[self.rows["hashes"].any(1)]
        for num_done, ours, theirs in _similar_pairs(records, others, known):
            colour = np.abs(records["colour"][ours] - known["colour"][theirs]).max(1)
            contrast = np.abs(records["contrast"][ours] - known["contrast"][theirs])
            is_copy = (colour <= _MAX_COLOUR_DIFFERENCE) & (contrast <= _MAX_CONTRAST_DIFFERENCE)
            is_resaved[ours[is_copy]] = True
            yield num_done
        return Copies(is_same, is_resaved)


_Positions = npt.NDArray[np.intp]
_Numbers = npt.NDArray[np.uint64]


def _similar_pairs(
    records: Records, rows: _Positions, known: npt.NDArray[np.void]
) -> Iterator[tuple[int, _Positions, _Positions]]:
    """Yield the number of images compared so far, and pairs of an image in `records` and one in `known`.

    One of the two hashes of such a pair differs in at most 3 bits, so that at least one of its four bands of 16 bits is
    equal. Only pairs with an equal band are compared. A pair may be yielded several times.
    """
    mine, others = records["hashes"][rows], known["hashes"]
    is_small = np.minimum(records["width"], records["height"])[rows] < _MIN_SIDE
    tolerance = np.where(is_small, 0, _MAX_DISTANCE)
    bands = [(which, np.uint64(shift)) for which in (0, 1) for shift in (0, 16, 32, 48)]
    for number, (which, shift) in enumerate(bands, start=1):
        for ours, theirs in _equal_pairs((mine[:, which] >> shift) & _BAND, (others[:, which] >> shift) & _BAND):
            distance = np.bitwise_count(mine[ours] ^ others[theirs]).sum(1)
            is_similar = distance <= tolerance[ours]
            yield len(rows) * number // len(bands), rows[ours[is_similar]], theirs[is_similar]


def _equal_pairs(ours: _Numbers, theirs: _Numbers) -> Iterator[tuple[_Positions, _Positions]]:
    """Yield the positions of all pairs of equal numbers, about `_MAX_PAIRS` at a time."""
    order = np.argsort(theirs, kind="stable")
    ordered = theirs[order]
    first = np.searchsorted(ordered, ours, "left")
    counts = np.searchsorted(ordered, ours, "right") - first
    ends = np.cumsum(counts)
    start = 0
    while start < len(ours):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _MAX_PAIRS, "right")))
        some = counts[start:stop]
        within = np.arange(some.sum()) - np.repeat(np.cumsum(some) - some, some)
        yield np.repeat(np.arange(start, stop), some), order[np.repeat(first[start:stop], some) + within]
        start = stop
