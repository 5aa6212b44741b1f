"""Digests of images: 28 bytes each, by which an image and its re-saved copies are recognised."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from engine.audit.fingerprint import Records

DIGEST = np.dtype(
    [
        ("digest", "<u8"),  # first 8 bytes of BLAKE2b of the file
        ("hashes", "<u8", 2),  # perceptual hashes of the whole image and of its inner part, 0 for a plain image
        ("colour", "u1", 3),  # mean red, green, blue
        ("contrast", "u1"),  # standard deviation of grey
    ]
)
MAX_DISTANCE = 6
"""Largest sum of the Hamming distances of both hashes of copies; `python -m benchmarks.copies` measures it."""
_MAX_COLOUR_DIFFERENCE = 3
_MAX_CONTRAST_DIFFERENCE = 3
_MIN_CONTRAST = 4
"""Hashes of plainer images are noise."""
_MIN_SIDE = 32
"""Smaller images have too little detail for a tolerance, so that only equal hashes count."""
_MIN_TWINS = 3
_NUM_NEIGHBOURS = 4
_BAND = np.uint64(0xFFFF)
_BANDS = tuple((which, np.uint64(shift)) for which in (0, 1) for shift in (0, 16, 32, 48))
"""Number of the hash, and the shift of 16 of its bits.

One of the two hashes of copies differs in at most 3 bits, so that at least one of its four bands is equal.
"""
_MAX_PAIRS = 500_000
"""Pairs in memory at once, about 50 MB."""

Digests = npt.NDArray[np.void]
"""Shape (N,) of DIGEST."""
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]


def make_digests(records: Records) -> Digests:
    """Return the digests of fingerprinted images, in their order."""
    digests = np.zeros(len(records), DIGEST)
    digests["digest"] = records["digest"][:, 0]
    digests["hashes"] = np.where((records["contrast"] >= _MIN_CONTRAST)[:, None], records["hashes"], 0)
    digests["colour"] = np.round(records["colour"]).clip(0, 255)
    digests["contrast"] = np.round(records["contrast"]).clip(0, 255)
    return digests


def plain_colours(digests: Digests) -> npt.NDArray[np.int64]:
    """Return the colour of each image of one colour as a number, -1 for others, shape (N,)."""
    packed = digests["colour"].astype(np.int64) @ np.array([65536, 256, 1])
    return np.where(digests["contrast"] == 0, packed, -1)


def max_distances(records: Records) -> npt.NDArray[np.int64]:
    """Return the largest distance between the hashes of each image and those of a copy, shape (N,)."""
    return np.where(np.minimum(records["width"], records["height"]) < _MIN_SIDE, 0, MAX_DISTANCE)


def similar_pairs(
    ours: Digests, theirs: Digests, distances: npt.NDArray[np.int64]
) -> Iterator[tuple[int, Positions, Positions]]:
    """Yield the number of images compared so far, and the positions of pairs that show the same picture.

    Only pairs with an equal band are compared. A pair may be yielded several times.

    Args:
        ours: Shape (N,), with hashes.
        theirs: Shape (M,), with hashes.
        distances: Largest distance of the hashes of each of `ours`, shape (N,), at most `MAX_DISTANCE`.
    """
    for number, band in enumerate(_BANDS, start=1):
        for one, other in _equal_pairs(_band(ours, *band), _band(theirs, *band)):
            is_same = _are_alike(ours[one], theirs[other], distances[one])
            yield len(ours) * number // len(_BANDS), one[is_same], other[is_same]


def have_twins(digests: Digests) -> Flags:
    """Return which images look like at least three others, shape (N,), as photos of a fixed camera do.

    Their hashes do not tell a copy from another image. Only neighbours in the order of each band are compared.
    """
    pairs = [np.zeros((0, 2), np.intp)]
    distances = np.full(len(digests), MAX_DISTANCE)
    for band in _BANDS:
        order = np.argsort(_band(digests, *band), kind="stable")
        for step in range(1, _NUM_NEIGHBOURS + 1):
            one, other = order[:-step], order[step:]
            is_same = _are_alike(digests[one], digests[other], distances[one])
            pairs.append(np.sort(np.stack((one, other), 1)[is_same], axis=1))
    counts = np.bincount(np.unique(np.concatenate(pairs), axis=0).ravel(), minlength=len(digests))
    return np.asarray((counts >= _MIN_TWINS) & digests["hashes"].any(1), np.bool_)


def _band(digests: Digests, which: int, shift: np.uint64) -> npt.NDArray[np.uint64]:
    return np.asarray((digests["hashes"][:, which] >> shift) & _BAND, np.uint64)


def _are_alike(ours: Digests, theirs: Digests, distances: npt.NDArray[np.int64]) -> Flags:
    """Return for each pair whether hashes, colour and contrast agree, shape (P,)."""
    distance = np.bitwise_count(ours["hashes"] ^ theirs["hashes"]).sum(1)
    colour = np.abs(ours["colour"].astype(np.int16) - theirs["colour"]).max(1)
    contrast = np.abs(ours["contrast"].astype(np.int16) - theirs["contrast"])
    is_same = (distance <= distances) & (colour <= _MAX_COLOUR_DIFFERENCE) & (contrast <= _MAX_CONTRAST_DIFFERENCE)
    return np.asarray(is_same, np.bool_)


def _equal_pairs(ours: npt.NDArray[np.uint64], theirs: npt.NDArray[np.uint64]) -> Iterator[tuple[Positions, Positions]]:
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
