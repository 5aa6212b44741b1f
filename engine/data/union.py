"""Groups of things that are linked, however far around."""

from collections.abc import Iterable


class Union:
    """Numbers 0..n-1, each a group of its own until they are linked (union-find with path halving)."""

    def __init__(self, num_things: int) -> None:
        self._above = list(range(num_things))

    def root(self, thing: int) -> int:
        """Return the number that stands for the group of a thing."""
        above = self._above
        while above[thing] != thing:
            above[thing] = above[above[thing]]
            thing = above[thing]
        return thing

    def link(self, one: int, other: int) -> None:
        """Put two things and all that is linked to them into one group."""
        first, second = sorted((self.root(one), self.root(other)))
        self._above[second] = first

    def groups(self) -> list[list[int]]:
        """Return the groups of two and more, each in order, ordered by their first."""
        found: dict[int, list[int]] = {}
        for thing in range(len(self._above)):
            found.setdefault(self.root(thing), []).append(thing)
        return [group for group in found.values() if len(group) > 1]


def union_of(num_things: int, links: Iterable[tuple[int, int]]) -> Union:
    """Return the union in which each pair is linked."""
    union = Union(num_things)
    for one, other in links:
        union.link(one, other)
    return union
