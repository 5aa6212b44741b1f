"""Find exact duplicates and near-duplicates.

Candidates for near-duplicates have similar perceptual hashes; aligned thumbnails verify them.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy

from engine.audit.findings import DuplicateGroup, DuplicateKind
from engine.audit.fingerprint import Records
from engine.audit.registration import aligned_similarity, similarity
from engine.data.dataset import Sample

_Pairs = npt.NDArray[np.intp]
"""Pairs of rows, shape (P, 2)."""
_DisjointSet: TypeAlias = "scipy.cluster.hierarchy.DisjointSet"

_MAX_HASH_DISTANCE = 10
"""Largest Hamming distance of two 64-bit hashes; loose, because thumbnails verify the pair."""
_MIN_SIMILARITY, _MIN_DETAIL_SIMILARITY = 0.94, 0.72
"""Correlations of aligned thumbnails of near-duplicates, chosen with `python -m benchmarks.duplicates`."""
_MIN_SIMILARITY_UNALIGNED, _MIN_DETAIL_SIMILARITY_UNALIGNED = 0.70, 0.25
_MAX_TINT_DIFFERENCE = 0.15
"""Largest difference of the mean RGB colours, each divided by its mean; thumbnails are grey."""
_MAX_GREY_TINT = 0.03
_MAX_DISTANCES = 4_000_000  # in memory at once, about 100 MB
_PAIRS_PER_BATCH = 512


def find_duplicates(samples: Sequence[Sample], records: Records) -> Generator[int, None, tuple[DuplicateGroup, ...]]:
    """Return all groups of duplicates; yields the number of images compared so far.

    Exact duplicates and near-duplicates of one image form one group.

    Args:
        samples: Samples, length N.
        records: Their fingerprints in the same order, shape (N,).
    """
    first_rows = _first_rows(records)
    same = _linked(len(samples), enumerate(first_rows))
    firsts = np.array([row for row, first in enumerate(first_rows) if first == row], np.intp)
    for num_done, pairs in _near_pairs(records, firsts, same):
        for one, other in pairs:
            same.merge(one, other)
        yield num_done
    return tuple(
        _group(samples, rows, "exact" if len({first_rows[row] for row in rows}) == 1 else "near")
        for rows in _groups(same)
    )


def _group(samples: Sequence[Sample], rows: Sequence[int], kind: DuplicateKind) -> DuplicateGroup:
    members = [samples[row] for row in rows]
    return DuplicateGroup(
        paths=tuple(sample.path for sample in members),
        kind=kind,
        is_conflict=len({sample.label for sample in members}) > 1,
        crosses_splits=len({sample.split for sample in members}) > 1,
    )


def _linked(num_images: int, links: Iterable[tuple[int, int]]) -> _DisjointSet:
    linked = scipy.cluster.hierarchy.DisjointSet(range(num_images))
    for one, other in links:
        linked.merge(one, other)
    return linked


def _groups(linked: _DisjointSet) -> list[list[int]]:
    """Return the sets of two rows and more, each sorted, in the order of their first row."""
    return sorted(sorted(members) for members in linked.subsets() if len(members) > 1)


def _first_rows(records: Records) -> list[int]:
    """Return for each row the first one with the same bytes."""
    first: dict[tuple[int, ...], int] = {}
    return [first.setdefault(tuple(digest), row) for row, digest in enumerate(records["digest"].tolist())]


def _near_pairs(records: Records, rows: _Pairs, same: _DisjointSet) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield the number of rows compared so far and the verified pairs; pairs that are linked already are skipped."""
    whole, inner = (np.ascontiguousarray(records["hashes"][rows, which]) for which in (0, 1))
    step = max(1, _MAX_DISTANCES // max(1, len(rows)))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        distance = np.bitwise_count(whole[some, None] ^ whole[None, start:])
        for ours, theirs in ((whole, inner), (inner, whole)):
            np.minimum(distance, np.bitwise_count(ours[some, None] ^ theirs[None, start:]), out=distance)
        one, other = np.nonzero(distance <= _MAX_HASH_DISTANCE)
        pairs = np.stack((rows[start + one], rows[start + other]), 1)[other > one]
        yield min(len(rows), start + step), list(_verify_pairs(records, pairs, same))


def _verify_pairs(records: Records, pairs: _Pairs, same: _DisjointSet) -> Iterator[tuple[int, int]]:
    for start in range(0, len(pairs), _PAIRS_PER_BATCH):
        unlinked = [pair for pair in pairs[start : start + _PAIRS_PER_BATCH] if not same.connected(*pair)]
        some = np.array(unlinked, np.intp).reshape(-1, 2)
        some = some[_have_similar_tint(records["colour"][some])]
        for compare, min_similarity, min_detail in (
            (similarity, _MIN_SIMILARITY_UNALIGNED, _MIN_DETAIL_SIMILARITY_UNALIGNED),
            (aligned_similarity, _MIN_SIMILARITY, _MIN_DETAIL_SIMILARITY),
        ):
            if len(some):
                ours, theirs = (records["thumbnail"][some[:, side]].astype(np.float32) for side in (0, 1))
                correlation, detail = compare(ours, theirs)
                some = some[(correlation >= min_similarity) & (detail >= min_detail)]
        yield from map(tuple, some.tolist())


def _have_similar_tint(colours: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return for pairs of mean colours (P, 2, 3) if both have the same tint at any brightness, or one is grey."""
    tints = colours / np.maximum(colours.mean(2, keepdims=True), 1)
    is_grey = (np.abs(tints - 1).max(2) <= _MAX_GREY_TINT).any(1)
    has_same_tint = np.abs(tints[:, 0] - tints[:, 1]).max(1) <= _MAX_TINT_DIFFERENCE
    return np.asarray(has_same_tint | is_grey)
