"""Find the photos that belong together: by folder, by file name and by time."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import scipy

from engine.audit.findings import DuplicateGroup
from engine.audit.fingerprint import Records
from engine.audit.grouping.folder_groups import Location, group_by_folder, locate
from engine.audit.grouping.name_groups import file_stem, group_by_name, group_copies, number_neighbours, parse_names
from engine.audit.grouping.time_groups import Times, capture_times, choose_gap, neighbour_links, time_links
from engine.config.settings import GroupBy
from engine.data.class_names import natural_key
from engine.data.dataset import Sample
from engine.data.groups.name_patterns import NameKeys
from engine.data.groups.photo_groups import GroupKind, PhotoGroup, PhotoGroups

_MIN_SIMILAR = 10
"""So many near-duplicates are a series, such as the frames of a fixed camera."""


def find_photo_groups(
    samples: Sequence[Sample],
    records: Records,
    classes: Sequence[str],
    group_by: GroupBy = "auto",
    gap_seconds: float | None = None,
) -> PhotoGroups:
    """Return the groups of photos that a random split would have to keep together.

    Args:
        samples: Samples, length N.
        records: Their fingerprints in the same order, shape (N,).
        classes: Names of the classes.
        group_by: Tie photos by folder, file name or time only; auto: by all three, where the names are clear.
        gap_seconds: Longest pause between photos of one event; None: chosen from the data, 0: no groups by time.
    """
    if group_by == "none" or not samples:
        return PhotoGroups()
    paths = [sample.path for sample in samples]
    locations, keys = locate(samples, classes), parse_names(paths)
    found: list[tuple[GroupKind, list[int]]] = []
    if group_by in ("auto", "folder"):
        found += [("folder", rows) for rows in group_by_folder(locations, group_by == "folder")]
    if group_by in ("auto", "name"):
        found += [("copy", rows) for rows in group_copies(samples, locations)]
        found += group_by_name(keys, locations, group_by == "name")
    times = capture_times([file_stem(path) for path in paths], records, locations)
    gap: float | None = None
    if group_by in ("auto", "time") and gap_seconds != 0 and not np.isnan(times).all():
        gap = choose_gap(times, records, locations) if gap_seconds is None else gap_seconds
        found += [("time", rows) for rows in _group_by_time(times, records, locations, keys, gap)]
    rank = _ranks(paths, times, locations)
    order = sorted({row for _, rows in found for row in rows}, key=rank.__getitem__)
    return PhotoGroups(
        groups=tuple(
            PhotoGroup(kind=kind, paths=tuple(paths[row] for row in sorted(rows, key=rank.__getitem__)))
            for kind, rows in found
        ),
        gap_seconds=gap,
        num_leaks=sum(
            {"train", "val"} <= {samples[row].split for row in rows} for kind, rows in found if kind != "part"
        ),
        order=tuple(paths[row] for row in order),
        times=tuple(times[order].tolist()),
    )


def with_duplicates(photo_groups: PhotoGroups, duplicates: Iterable[DuplicateGroup]) -> PhotoGroups:
    """Return the groups together with the groups of duplicates.

    Near-duplicates that were taken at different times are shots of a series, and so are very many of them.
    """
    time_of = dict(zip(photo_groups.order, photo_groups.times))
    added = []
    for group in duplicates:
        times = {time_of.get(path, math.nan) for path in group.paths}
        is_series = len(group.paths) >= _MIN_SIMILAR or (
            len(times) == len(group.paths) and not any(math.isnan(time) for time in times)
        )
        kind: GroupKind = "similar" if group.kind == "near" and is_series else "duplicate"
        added.append(PhotoGroup(kind=kind, paths=group.paths))
    return photo_groups.model_copy(update={"groups": (*photo_groups.groups, *added)})


def _group_by_time(
    times: Times, records: Records, locations: Sequence[Location], keys: Sequence[NameKeys], gap: float
) -> list[list[int]]:
    linked = scipy.cluster.hierarchy.DisjointSet(range(len(times)))
    for one, other in time_links(times, records, locations, keys, gap):
        linked.merge(one, other)
    group_of = [-1] * len(times)
    for number, members in enumerate(linked.subsets()):
        for row in members if len(members) > 1 else ():
            group_of[row] = number
    runs = number_neighbours(keys, locations, range(len(times)))
    for one, other in list(neighbour_links(runs, keys, times, group_of)):
        linked.merge(one, other)
    return sorted(sorted(members) for members in linked.subsets() if len(members) > 1)


def _ranks(paths: Sequence[str], times: Times, locations: Sequence[Location]) -> list[int]:
    """Return the position of each photo in the order of capture; one without time follows the one named before it."""
    moments: list[tuple[float, int, int]] = []
    last: tuple[Location | None, float] = (None, -math.inf)
    for position, row in enumerate(sorted(range(len(paths)), key=lambda row: natural_key(paths[row]))):
        time = float(times[row])
        if math.isnan(time):
            time = last[1] if last[0] == locations[row] else -math.inf
        last = (locations[row], time)
        moments.append((time, position, row))
    ranks = [0] * len(paths)
    for rank, (_, _, row) in enumerate(sorted(moments)):
        ranks[row] = rank
    return ranks
