"""Find exact duplicates, near-duplicates and bursts of photos.

Candidates for near-duplicates have similar perceptual hashes; aligned thumbnails verify them.
"""

import math
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
_BURST_SECONDS = 2.0
_MAX_BURST_LENGTH = 60
"""Longer series are a film or come from a camera whose clock has stopped, so they are ignored."""


def find_duplicates(samples: Sequence[Sample], records: Records) -> Generator[int, None, tuple[DuplicateGroup, ...]]:
    """Return all groups of duplicates and all bursts; yields the number of images compared so far.

    Exact duplicates and near-duplicates of one image form one group. A burst may contain such groups.

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
    bursts = _linked(len(samples), _burst_links(samples, records))
    groups = [
        _group(samples, rows, "exact" if len({first_rows[row] for row in rows}) == 1 else "near")
        for rows in _groups(same)
    ]
    for rows in _groups(bursts):
        if len({same[row] for row in rows}) > 1:
            groups.append(_group(samples, rows, "burst"))
    return tuple(groups)


def _group(samples: Sequence[Sample], rows: Sequence[int], kind: DuplicateKind) -> DuplicateGroup:
    members = [samples[row] for row in rows]
    return DuplicateGroup(
        paths=tuple(sample.path for sample in members),
        kind=kind,
        is_conflict=kind != "burst" and len({sample.label for sample in members}) > 1,
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


def _burst_links(samples: Sequence[Sample], records: Records) -> Iterator[tuple[int, int]]:
    """Yield pairs of photos taken within seconds by one camera or, if the camera is unknown, in one folder."""
    shots: dict[object, list[tuple[float, int]]] = {}
    for row, (sample, taken, camera) in enumerate(zip(samples, records["taken"].tolist(), records["camera"].tolist())):
        if not math.isnan(taken):
            shots.setdefault(camera or sample.path.rpartition("/")[0], []).append((taken, row))
    for timed in shots.values():
        timed.sort()
        burst = timed[:1]
        for shot in [*timed[1:], (float("inf"), -1)]:
            if shot[0] - burst[-1][0] > _BURST_SECONDS:
                if len(burst) <= _MAX_BURST_LENGTH:
                    yield from ((burst[0][1], row) for _, row in burst[1:])
                burst = []
            burst.append(shot)
