"""Units of the split: images that are drawn together, and the parts into which a unit that is too large is divided."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import scipy

from engine.data.dataset import Sample
from engine.data.groups.photo_groups import LEVELS, GroupKind, PhotoGroups

_DIVISIBLE_LEVELS = sorted({level for level in LEVELS.values() if level}, reverse=True)


_DUPLICATES: tuple[GroupKind, ...] = ("duplicate", "similar")
_Link: TypeAlias = tuple[GroupKind, list[int]]
"""A group as the positions of its training images."""


class Units:
    """The units of the training images: groups, merged where they share an image, and single images.

    Patients, places and events that duplicates tie to each other are separate units if a class has no others. The
    copies are then left out of validation by those who check for them.
    """

    def __init__(self, samples: Sequence[Sample], groups: PhotoGroups) -> None:
        positions = {sample.path: position for position, sample in enumerate(samples) if sample.split == "train"}
        present = [
            (group.kind, [positions[path] for path in group.paths if path in positions]) for group in groups.groups
        ]
        links = [(kind, members) for kind, members in present if len(members) > 1]
        grouped = {position for _, members in links for position in members}
        self._samples = samples
        merged = self._separated(_merge(grouped, (members for _, members in links)), links)
        single = ([position] for position in positions.values() if position not in grouped)
        self.units: list[list[int]] = sorted([*merged, *single])
        """Positions of the images of each unit, sorted."""
        self.of_class: dict[int, list[int]] = defaultdict(list)
        """Numbers of the units that contain images of a class."""
        self._rank = {path: rank for rank, path in enumerate(groups.order)}
        self._parts: dict[tuple[int, int], dict[int, list[list[int]]]] = {}
        for number, unit in enumerate(self.units):
            for label in self._labels(unit):
                self.of_class[label].append(number)
        self._links = _links_of_units(self.units, links)

    def _separated(self, units: list[list[int]], links: Sequence[_Link]) -> list[list[int]]:
        """Return the units, where one that contains a whole class is divided into the groups that duplicates tie."""
        totals = Counter(sample.label for sample in self._samples if sample.split == "train")
        links_of = _links_of_units(units, links)
        result: list[list[int]] = []
        for number, unit in enumerate(units):
            held = Counter(self._samples[position].label for position in unit)
            is_whole = any(held[label] == totals[label] for label in held)
            result += _without_duplicates(unit, links_of[number]) if is_whole else [unit]
        return result

    def _labels(self, positions: Iterable[int]) -> set[int]:
        return {self._samples[position].label for position in positions}

    def kinds(self, number: int) -> tuple[GroupKind, ...]:
        """Return what ties the images of a unit, sorted; empty for a single image."""
        return tuple(sorted({kind for kind, _ in self._links.get(number, ())}))

    def is_event(self, number: int) -> bool:
        """Return whether more than duplicates tie the images of a unit."""
        return not set(self.kinds(number)) <= set(_DUPLICATES)

    def parts(self, number: int, label: int) -> Iterator[list[list[int]]]:
        """Yield the divisions of a unit into smaller groups, the coarsest first.

        Each is a list of parts in the order of capture: those with images of the class, and at least two of them.
        """
        for level in _DIVISIBLE_LEVELS:
            parts = self._parts_of_class(number, level).get(label, [])
            if len(parts) > 1:
                yield parts

    def _parts_of_class(self, number: int, level: int) -> dict[int, list[list[int]]]:
        """Return the parts of a unit by class, if only groups below `level` keep images together."""
        if (number, level) not in self._parts:
            unit = self.units[number]
            kept = (members for kind, members in self._links[number] if LEVELS[kind] < level)
            by_class: dict[int, list[list[int]]] = defaultdict(list)
            for part in sorted(_merge(unit, kept), key=lambda part: max(map(self._order, part))):
                for label in self._labels(part):
                    by_class[label].append(part)
            self._parts[number, level] = by_class
        return self._parts[number, level]

    def _order(self, position: int) -> tuple[int, int]:
        return self._rank.get(self._samples[position].path, -1), position


def _links_of_units(units: Sequence[Sequence[int]], links: Sequence[_Link]) -> dict[int, list[_Link]]:
    """Return the links inside each unit by its number; one that reaches over several units is divided."""
    number_of = {position: number for number, unit in enumerate(units) for position in unit}
    result: dict[int, list[_Link]] = defaultdict(list)
    for kind, members in links:
        inside: dict[int, list[int]] = defaultdict(list)
        for position in members:
            inside[number_of[position]].append(position)
        for number, positions in inside.items():
            if len(positions) > 1:
                result[number].append((kind, positions))
    return result


def _without_duplicates(unit: Sequence[int], links: Sequence[_Link]) -> list[list[int]]:
    """Return the parts of a unit that are tied by more than duplicates; other images stay with their duplicates."""
    tied = {position for kind, members in links if kind not in _DUPLICATES for position in members}
    kept: list[list[int]] = []
    for kind, members in links:
        if kind in _DUPLICATES:
            first = next((position for position in members if position in tied), members[0])
            members = [first, *(position for position in members if position not in tied)]
        kept.append(members)
    return _merge(unit, kept)


def _merge(positions: Iterable[int], groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Merge groups that share a position; return the sets of all positions, each sorted."""
    merged = scipy.cluster.hierarchy.DisjointSet(positions)
    for members in groups:
        for other in members[1:]:
            merged.merge(members[0], other)
    return [sorted(members) for members in merged.subsets()]
