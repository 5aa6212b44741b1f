"""Groups by time: photos that one camera took shortly after each other."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.audit.fingerprint import UNKNOWN_OFFSET, Records
from engine.audit.grouping.folder_groups import Location
from engine.data.groups.name_patterns import NameKeys, time_in_name

DEFAULT_GAP = 60.0
_MAX_GAP = 600.0
"""Seconds; longer pauses are never taken for those within an event."""
_MIN_PAUSE_RATIO = 6.0
"""Smallest ratio of the pauses between events to those within, for a gap above the default."""
_MAX_IRREGULARITY = 1.5
_MIN_PAUSES = 6
_CLASS_CHANGE_GAP = 2.0
"""Seconds between photos of one burst in two class folders, if only the model of the camera is known."""
_MAX_SIMULTANEOUS = 0.6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_EQUAL_TIMES = 20
"""Photos with the same time that a fast burst may have."""

_MAX_STEP = 3
"""Largest difference of the running numbers of successive photos, as some were deleted."""
_MAX_MISSING = 5
"""Longest run of photos without time that is tied to the photos at both of its ends."""

Times: TypeAlias = npt.NDArray[np.float64]


def capture_times(stems: Sequence[str], records: Records, locations: Sequence[Location]) -> Times:
    """Return the capture time of each image in seconds, shape (N,); NaN where it is unknown.

    It is in UTC where all photos of a camera state their offset, so that a journey through time zones does not divide
    a series. Times in file names stand in for missing ones, and times of a clock that stands still are dropped.
    """
    times = np.array(records["taken"], np.float64)
    offsets = records["utc_offset"].astype(np.float64)
    for row, stem in enumerate(stems):
        if math.isnan(times[row]):
            times[row], offsets[row] = time_in_name(stem), UNKNOWN_OFFSET
    for rows in _cameras(times, records, locations).values():
        if (offsets[rows] != UNKNOWN_OFFSET).all():
            times[rows] -= 60 * offsets[rows]
        counts = Counter(times[rows].tolist())
        stopped = [row for row in rows if _is_stopped(float(times[row]), counts[times[row]])]
        times[stopped] = math.nan
    return times


def _is_stopped(time: float, num_photos: int) -> bool:
    """Return whether so many photos with the same time come from a clock that stands still or was never set."""
    moment = _EPOCH + timedelta(seconds=time)  # fromtimestamp refuses years before 1970 on Windows
    is_new_year = (moment.month, moment.day, moment.hour, moment.minute, moment.second) == (1, 1, 0, 0, 0)
    return num_photos > (1 if is_new_year else _MAX_EQUAL_TIMES)


def choose_gap(times: Times, records: Records, locations: Sequence[Location]) -> float:
    """Return the longest pause in seconds within an event: 60, or more if the data clearly have longer ones.

    More means at least half of the pauses are below, none is up to 6 times as long, or all are about equally long as in
    a time lapse.
    """
    pauses = [pause for rows in _cameras(times, records, locations).values() for pause in np.diff(np.sort(times[rows]))]
    ordered = np.sort(np.array(pauses, np.float64))
    if len(ordered) < _MIN_PAUSES:
        return DEFAULT_GAP
    for position in range(len(ordered) // 2, len(ordered)):
        longest = float(ordered[position])
        if not DEFAULT_GAP < longest <= _MAX_GAP:
            continue
        if position + 1 < len(ordered):
            is_clear = ordered[position + 1] >= _MIN_PAUSE_RATIO * longest
        else:
            is_clear = longest <= _MAX_IRREGULARITY * float(np.percentile(ordered, 10))
        if is_clear:
            return float(math.ceil(longest * 1.25))
    return DEFAULT_GAP


def time_links(
    times: Times, records: Records, locations: Sequence[Location], keys: Sequence[NameKeys], gap: float
) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows that belong to one event: successive photos of one camera with a pause of at most `gap`.

    A camera is known by its serial number in all folders. If only its model is known, it counts as another camera in
    another folder, except for series that continue in another class folder: with the next running number, or within
    two seconds.
    """
    for rows in _cameras(times, records, locations).values():
        yield from _successive(times, rows, gap)
    yield from _links_between_folders(times, records, locations, keys, gap)


def neighbour_links(
    runs: Sequence[Sequence[int]], keys: Sequence[NameKeys], times: Times, group_of: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows that tie photos without time to those whose running numbers are next to theirs.

    Args:
        runs: Rows of one folder and prefix, sorted by running number.
        keys: Keys of each file name.
        times: Capture times, shape (N,).
        group_of: Number of the group by time of each row, -1 for none.
    """
    for run in runs:
        timed = [row for row in run if not math.isnan(times[row])]
        if 2 * sum(group_of[row] >= 0 for row in timed) <= len(timed):
            continue
        position = {row: number for number, row in enumerate(run)}
        ends = [-1, *(position[row] for row in timed), len(run)]
        for start, stop in pairwise(ends):
            before, after = run[start] if start >= 0 else None, run[stop] if stop < len(run) else None
            missing = run[start + 1 : stop]
            is_inside = before is not None and after is not None and group_of[before] == group_of[after] >= 0
            if missing and (is_inside or len(missing) <= _MAX_MISSING):
                chain = [row for row in (before, *missing, after) if row is not None]
                yield from (pair for pair in pairwise(chain) if is_inside or _is_next(keys, *pair))


def _is_next(keys: Sequence[NameKeys], one: int, other: int) -> bool:
    return abs(keys[one].number - keys[other].number) <= 1


def _cameras(times: Times, records: Records, locations: Sequence[Location]) -> dict[Hashable, list[int]]:
    """Return the rows with a time, by serial number, or else by camera model and folder."""
    cameras: dict[Hashable, list[int]] = defaultdict(list)
    fields = zip(times.tolist(), records["camera"].tolist(), records["serial_hash"].tolist(), locations)
    for row, (time, model, serial, location) in enumerate(fields):
        if not math.isnan(time):
            cameras[(model, serial) if serial else (model, location)].append(row)
    return cameras


def _successive(times: Times, rows: Sequence[int], gap: float) -> Iterator[tuple[int, int]]:
    ordered = sorted(rows, key=lambda row: times[row])
    return ((one, other) for one, other in pairwise(ordered) if times[other] - times[one] <= gap)


def _links_between_folders(
    times: Times, records: Records, locations: Sequence[Location], keys: Sequence[NameKeys], gap: float
) -> Iterator[tuple[int, int]]:
    """Yield pairs of successive photos in two folders, unless these are of two cameras that took photos at once."""
    models: dict[bytes, list[int]] = defaultdict(list)
    for row, (model, serial) in enumerate(zip(records["camera"].tolist(), records["serial_hash"].tolist())):
        if model and not serial and not math.isnan(times[row]):
            models[model].append(row)
    seconds = [None if math.isnan(time) else int(time) for time in times.tolist()]
    for rows in models.values():
        pairs: dict[frozenset[Location], list[tuple[int, int]]] = defaultdict(list)
        for one, other in _successive(times, rows, gap):
            is_burst = times[other] - times[one] <= _CLASS_CHANGE_GAP
            if locations[one] != locations[other] and (is_burst or _continues(keys[one], keys[other])):
                pairs[frozenset((locations[one], locations[other]))].append((one, other))
        occupied: dict[Location, set[int | None]] = defaultdict(set)
        for row in rows:
            occupied[locations[row]].add(seconds[row])
        for folders, links in pairs.items():
            one_folder, other_folder = folders
            near = {seconds[row] for link in links for row in link}
            both = near & occupied[one_folder] & occupied[other_folder]
            if len(both) < _MAX_SIMULTANEOUS * len(near):
                yield from links


def _continues(before: NameKeys, after: NameKeys) -> bool:
    """Return whether a file name has one of the next running numbers of the same series."""
    return before.prefix == after.prefix and 0 < after.number - before.number <= _MAX_STEP and before.number >= 0
