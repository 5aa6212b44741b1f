"""Groups by file name: copies, patients, clips, wells and numbered series."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from engine.audit.grouping.folder_groups import Location
from engine.data.dataset import Sample
from engine.data.folders.split_names import Split
from engine.data.groups.copy_names import are_copies, original_name
from engine.data.groups.name_patterns import NameKeys, parse_name
from engine.data.groups.photo_groups import GroupKind

_AUGMENTED_FOLDERS = frozenset(
    ("aug", "augmented", "augmentation", "augmentations", "original", "originals", "flipped")
)
_MIN_SERIES, _MAX_SHARE, _SMALL_SHARE = 3, 0.5, 0.25
_MIN_SUBJECT_SHARE = 0.9

_Series: TypeAlias = tuple[str, str]
"""Kind of a key of `NameKeys`, and its value."""


def file_stem(path: str) -> str:
    """Return the file name in a path with '/', without its ending."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def group_copies(samples: Sequence[Sample], locations: Sequence[Location]) -> list[list[int]]:
    """Return groups of rows whose file names are those of copies or augmented versions of one image.

    Files without a mark of a copy that have one name in train/ and in val/ are different images, since the numbers in
    both usually start from 1.
    """
    found: dict[Hashable, list[int]] = defaultdict(list)
    originals, kinds = zip(*(original_name(file_stem(sample.path)) for sample in samples))
    for row, (original, location) in enumerate(zip(originals, locations)):
        folders = tuple(name for name in location.subfolders if name.casefold() not in _AUGMENTED_FOLDERS)
        found[location.class_folder, folders, original].append(row)
    groups: list[list[int]] = []
    for rows in found.values():
        by_split: dict[Split, list[int]] = defaultdict(list)
        for row in rows:
            by_split[samples[row].split].append(row)
        splits_of_originals = {samples[row].split for row in rows if not kinds[row]}
        parts = list(by_split.values()) if len(splits_of_originals) > 1 else [rows]
        groups += [part for part in parts if are_copies(originals[part[0]], [kinds[row] for row in part])]
    return groups


def parse_names(paths: Sequence[str]) -> list[NameKeys]:
    """Return the keys in the name of each file; marks of copies are ignored."""
    return [parse_name(original_name(file_stem(path))[0]) for path in paths]


def group_by_name(
    keys: Sequence[NameKeys], locations: Sequence[Location], is_certain: bool
) -> Iterator[tuple[GroupKind, list[int]]]:
    """Yield groups of rows by the series in their file names, and the parts that wide groups consist of.

    A patient, clip or site is the same one in all folders. The numbered series of two folders are different ones if
    they have common numbers.

    Args:
        keys: Keys of each image.
        locations: Location of each image.
        is_certain: Whether the user asked for groups by file name; then any common prefix counts.
    """
    wide = _subjects(keys, locations)
    grouped = {row for rows in wide for row in rows}
    folders: dict[Location, list[int]] = defaultdict(list)
    for row, location in enumerate(locations):
        if row not in grouped:
            folders[location].append(row)
    series: dict[_Series, list[list[int]]] = defaultdict(list)
    for rows in folders.values():
        for name in _series(keys, rows, is_certain):
            series[name] = []
    for rows in folders.values():
        for name, members in _by_series(keys, rows).items():
            if name in series:
                series[name].append(members)
    wide += [rows for found in series.values() for rows in _continued(keys, found)]
    yield from (("name", rows) for rows in wide)
    grouped, whole = {row for rows in wide for row in rows}, set(map(tuple, wide))
    for part in _shared({row: (locations[row], keys[row].part) for row in sorted(grouped) if keys[row].part}):
        if tuple(part) not in whole:
            yield "part", part


def _subjects(keys: Sequence[NameKeys], locations: Sequence[Location]) -> list[list[int]]:
    """Return the groups by patient, clip, site or well, unless this is another name of the class."""
    subjects = {
        row: key.subject
        for row, (key, location) in enumerate(zip(keys, locations))
        if key.subject and _plain(key.subject) != _plain(location.class_folder)
    }
    by_class: dict[str, Counter[str]] = defaultdict(Counter)
    sizes = Counter(location.class_folder for location in locations)
    for row, subject in subjects.items():
        by_class[locations[row].class_folder][subject] += 1
    is_class_name = len(by_class) == len(sizes) == len(set(subjects.values())) > 1 and all(
        max(counts.values()) >= _MIN_SUBJECT_SHARE * sizes[name] for name, counts in by_class.items()
    )
    return [] if is_class_name else _shared(subjects)


def _by_series(keys: Sequence[NameKeys], rows: Iterable[int]) -> dict[_Series, list[int]]:
    """Return the rows of each film, series, part and prefix."""
    found: dict[_Series, list[int]] = defaultdict(list)
    for row in rows:
        key = keys[row]
        for kind, name in (("film", key.film), ("series", key.series), ("part", key.part), ("prefix", key.prefix)):
            if name:
                found[kind, name].append(row)
    return found


def _series(keys: Sequence[NameKeys], rows: Sequence[int], is_certain: bool) -> list[_Series]:
    """Return the names of the films and numbered series in one folder."""
    found = {name: members for name, members in _by_series(keys, rows).items() if len(members) > 1}
    films = [name for name in found if name[0] == "film"]
    if is_certain:
        prefixes = [name for name in found if name[0] == "prefix"]
        return prefixes if len(prefixes) > 1 else films
    for kind in ("series", "part"):
        names = [name for name in found if name[0] == kind and ("film", name[1]) not in found]
        if _look_like_series([found[name] for name in names], len(rows)):
            return [*films, *names]
    return films


def _continued(keys: Sequence[NameKeys], folders: Sequence[list[int]]) -> list[list[int]]:
    """Return the rows of one series in several folders: one group if no number occurs twice, else one a folder."""
    numbers = [{keys[row].number for row in rows} for rows in folders]
    if sum(map(len, numbers)) == len(set().union(*numbers)):
        return [sorted(row for rows in folders for row in rows)]
    return [rows for rows in folders if len(rows) > 1]


def _look_like_series(series: Sequence[Sequence[int]], num_images: int) -> bool:
    """Return whether common prefixes are those of series, rather than a name of the whole folder or of its source."""
    largest = max(map(len, series), default=0)
    is_many = len(series) >= _MIN_SERIES and largest <= _MAX_SHARE * num_images
    return is_many or 0 < largest <= _SMALL_SHARE * num_images


def _shared(names: Mapping[int, Hashable]) -> list[list[int]]:
    """Return the rows of each name that several rows have."""
    found: dict[Hashable, list[int]] = defaultdict(list)
    for row, name in names.items():
        found[name].append(row)
    return [rows for rows in found.values() if len(rows) > 1]


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def number_neighbours(keys: Sequence[NameKeys], locations: Sequence[Location], rows: Iterable[int]) -> list[list[int]]:
    """Return runs of rows of one folder and prefix, sorted by their running number."""
    runs: dict[Hashable, list[int]] = defaultdict(list)
    for row in rows:
        if keys[row].number >= 0:
            runs[locations[row], keys[row].prefix].append(row)
    return [sorted(run, key=lambda row: keys[row].number) for run in runs.values()]
