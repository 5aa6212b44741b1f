"""Find images that show the same: copies byte for byte, the same picture saved otherwise, shots of one burst."""

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
"""Rows of pairs of images, shape (P, 2)."""
_DisjointSet: TypeAlias = "scipy.cluster.hierarchy.DisjointSet"

_HASH_BITS = 10
"""Of 64 bits, how many may differ between hashes: loose, since thumbnails decide."""
_ALIKE, _ALIKE_IN_DETAIL = 0.94, 0.72
"""Correlations of aligned thumbnails from which on two pictures are one; `python -m benchmarks.duplicates` measures."""
_WORTH_ALIGNING, _DETAIL_WORTH_ALIGNING = 0.70, 0.25
_TINT_APART = 0.15
"""How far mean red, green and blue, each over their mean, may lie apart: thumbnails tell no colours."""
_COLOURLESS = 0.03
_CELLS = 4_000_000  # of the table of distances held at once, about 100 MB
_PAIRS_AT_ONCE = 512
_BURST_SECONDS = 2.0
_LONGEST_BURST = 60
"""More shots than this in a row are a film or a camera whose clock stands still, and tell nothing."""


def find_duplicates(samples: Sequence[Sample], records: Records) -> Generator[int, None, tuple[DuplicateGroup, ...]]:
    """Return all groups among `samples`, whose records are given in the same order; yield how many were compared.

    Copies and pictures saved otherwise are in one group where they show the same. A burst may hold such groups.
    """
    first_copies = _first_copies(records)
    same = _linked(len(samples), enumerate(first_copies))
    firsts = np.array([row for row, first in enumerate(first_copies) if first == row], np.intp)
    for num_done, pairs in _near_pairs(records, firsts, same):
        for one, other in pairs:
            same.merge(one, other)
        yield num_done
    bursts = _linked(len(samples), _burst_links(samples, records))
    found = [
        _group(samples, rows, "exact" if len({first_copies[row] for row in rows}) == 1 else "near")
        for rows in _groups(same)
    ]
    for rows in _groups(bursts):
        if len({same[row] for row in rows}) > 1:
            found.append(_group(samples, rows, "burst"))
    return tuple(found)


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


def _first_copies(records: Records) -> list[int]:
    """Return for each row the first one with the same bytes."""
    first: dict[tuple[int, ...], int] = {}
    return [first.setdefault(tuple(digest), row) for row, digest in enumerate(records["digest"].tolist())]


def _near_pairs(records: Records, rows: _Pairs, same: _DisjointSet) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield how many rows were compared with all, and the pairs found among them; linked ones are not tried again."""
    whole, inner = (np.ascontiguousarray(records["hashes"][rows, which]) for which in (0, 1))
    step = max(1, _CELLS // max(1, len(rows)))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        distance = np.bitwise_count(whole[some, None] ^ whole[None, start:])
        for ours, theirs in ((whole, inner), (inner, whole)):
            np.minimum(distance, np.bitwise_count(ours[some, None] ^ theirs[None, start:]), out=distance)
        one, other = np.nonzero(distance <= _HASH_BITS)
        pairs = np.stack((rows[start + one], rows[start + other]), 1)[other > one]
        yield min(len(rows), start + step), list(_verified(records, pairs, same))


def _verified(records: Records, pairs: _Pairs, same: _DisjointSet) -> Iterator[tuple[int, int]]:
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        waiting = [pair for pair in pairs[start : start + _PAIRS_AT_ONCE] if not same.connected(*pair)]
        some = np.array(waiting, np.intp).reshape(-1, 2)
        some = some[_may_be_one(records["colour"][some])]
        for compare, alike, alike_in_detail in (
            (similarity, _WORTH_ALIGNING, _DETAIL_WORTH_ALIGNING),
            (aligned_similarity, _ALIKE, _ALIKE_IN_DETAIL),
        ):
            if len(some):
                ours, theirs = (records["thumbnail"][some[:, side]].astype(np.float32) for side in (0, 1))
                correlation, of_detail = compare(ours, theirs)
                some = some[(correlation >= alike) & (of_detail >= alike_in_detail)]
        yield from map(tuple, some.tolist())


def _may_be_one(colours: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Say of mean colours (P, 2, 3) whether both are of one tint, though one be darker, or one has no colour at all."""
    tints = colours / np.maximum(colours.mean(2, keepdims=True), 1)
    is_colourless = (np.abs(tints - 1).max(2) <= _COLOURLESS).any(1)
    is_alike = np.abs(tints[:, 0] - tints[:, 1]).max(1) <= _TINT_APART
    return np.asarray(is_alike | is_colourless)


def _burst_links(samples: Sequence[Sample], records: Records) -> Iterator[tuple[int, int]]:
    """Yield shots that follow within seconds, by one camera or, where the camera is unknown, in one folder."""
    shots: dict[object, list[tuple[float, int]]] = {}
    for row, (sample, taken, camera) in enumerate(zip(samples, records["taken"].tolist(), records["camera"].tolist())):
        if taken == taken:
            shots.setdefault(camera or sample.path.rpartition("/")[0], []).append((taken, row))
    for timed in shots.values():
        timed.sort()
        burst = timed[:1]
        for shot in [*timed[1:], (float("inf"), -1)]:
            if shot[0] - burst[-1][0] > _BURST_SECONDS:
                if len(burst) <= _LONGEST_BURST:
                    yield from ((burst[0][1], row) for _, row in burst[1:])
                burst = []
            burst.append(shot)
