"""Units of the split: images that are drawn together, and the parts into which a unit that is too large is divided."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import scipy

from engine.data.dataset import Sample
from engine.data.photo_groups import LEVELS, GroupKind, PhotoGroups

_DIVISIBLE_LEVELS = sorted({level for level in LEVELS.values() if level}, reverse=True)


class Units:
    """The units of the training images: groups, merged where they share an image, and single images."""

    def __init__(self, samples: Sequence[Sample], groups: PhotoGroups) -> None:
        positions = {sample.path: position for position, sample in enumerate(samples) if sample.split == "train"}
        present = [
            (group.kind, [positions[path] for path in group.paths if path in positions]) for group in groups.groups
        ]
        links = [(kind, members) for kind, members in present if len(members) > 1]
        grouped = {position for _, members in links for position in members}
        merged = _merge(grouped, (members for _, members in links))
        single = ([position] for position in positions.values() if position not in grouped)
        self.units: list[list[int]] = sorted([*merged, *single])
        """Positions of the images of each unit, sorted."""
        self.of_class: dict[int, list[int]] = defaultdict(list)
        """Numbers of the units that contain images of a class."""
        self._samples = samples
        self._rank = {path: rank for rank, path in enumerate(groups.order)}
        self._links: dict[int, list[tuple[GroupKind, list[int]]]] = defaultdict(list)
        self._parts: dict[tuple[int, int], dict[int, list[list[int]]]] = {}
        number_of: dict[int, int] = {}
        for number, unit in enumerate(self.units):
            number_of.update((position, number) for position in unit)
            for label in {samples[position].label for position in unit}:
                self.of_class[label].append(number)
        for kind, members in links:
            self._links[number_of[members[0]]].append((kind, members))

    def kinds(self, number: int) -> tuple[GroupKind, ...]:
        """Return what ties the images of a unit, sorted; empty for a single image."""
        return tuple(sorted({kind for kind, _ in self._links.get(number, ())}))

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
                for label in {self._samples[position].label for position in part}:
                    by_class[label].append(part)
            self._parts[number, level] = by_class
        return self._parts[number, level]

    def _order(self, position: int) -> tuple[int, int]:
        return self._rank.get(self._samples[position].path, -1), position


def _merge(positions: Iterable[int], groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Merge groups that share a position; return the sets of all positions, each sorted."""
    merged = scipy.cluster.hierarchy.DisjointSet(positions)
    for members in groups:
        for other in members[1:]:
            merged.merge(members[0], other)
    return [sorted(members) for members in merged.subsets()]
