"""Choice of the validation images: quotas of the classes, and at least one image of each."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from engine.data.dataset import Sample
from engine.data.split_units import Units


class Selection:
    """Images chosen for validation, up to a quota for each class. The images at `fixed` stay in training."""

    def __init__(
        self, samples: Sequence[Sample], counts: Sequence[int], val_fraction: float, fixed: Collection[int] = ()
    ) -> None:
        self._samples, self._counts, self._fixed = samples, counts, frozenset(fixed)
        self._quotas = [min(max(1, round(count * val_fraction)), count - 1) for count in counts]
        self._num_val = [0] * len(counts)
        self.chosen: set[int] = set()

    def take_if_it_fits(self, unit: Sequence[int]) -> None:
        """Choose the whole unit if the quotas of all its classes allow it, else nothing."""
        if all(self._num_val[label] + number <= self._quotas[label] for label, number in self._needed(unit).items()):
            self._take(unit)

    def take_nearest(self, label: int, units: Iterable[Sequence[int]]) -> None:
        """Choose one more unit of a class if its number of images then is nearer to the quota than it is now."""
        missing = self._quotas[label] - self._num_val[label]
        for unit in units:
            if len(unit) < 2 * missing and self._is_free(unit) and self._leaves_one(unit):
                self._take(unit)
                return

    def ensure_one(self, label: int, own_units: Sequence[Sequence[int]], units: Units) -> None:
        """Choose images of a class that has none in validation because all its units exceed a quota.

        The smallest unit of the class alone is preferred, then the smallest that contains other classes too, and then
        the end of the largest. A class with a single photo outside of its one long series gets an end of it as well.
        """
        if self._counts[label] < 2 or 2 * self._num_val[label] >= self._quotas[label]:
            return
        numbers = sorted(units.of_class[label], key=lambda number: len(units.units[number]))
        if self._num_val[label]:
            if self._is_long_series(units, numbers[-1], label):
                self._take_end(units, numbers[-1], label)
            return
        smaller = [unit for unit in own_units if len(unit) < self._counts[label]]
        if smaller:
            self._take(min(smaller, key=len))
            return
        for number in numbers:
            if self._is_free(units.units[number]) and self._leaves_half(units.units[number]):
                self._take(units.units[number])
                return
        for number in reversed(numbers):
            if self._take_end(units, number, label):
                return

    def _take_end(self, units: Units, number: int, label: int) -> bool:
        """Choose parts at the end of a unit up to the quota of the class, or its smallest part; return if it worked."""
        for parts in units.parts(number, label):
            free = [part for part in parts if self._is_free(part)]
            num_before = len(self.chosen)
            for part in reversed(free):
                if self._num_val[label] + self._needed(part)[label] > self._quotas[label] or not self._leaves_one(part):
                    break
                self._take(part)
            if len(self.chosen) > num_before:
                return True
            for part in sorted(free, key=len):
                if self._leaves_one(part):
                    self._take(part)
                    return True
        return False

    def _is_long_series(self, units: Units, number: int, label: int) -> bool:
        """Return whether a unit is a series in time that holds most images of the class, and only such images."""
        unit, kinds = units.units[number], units.kinds(number)
        is_series = "time" in kinds and set(kinds) <= {"time", "similar", "duplicate"}
        return is_series and 2 * len(unit) > self._counts[label] and set(self._needed(unit)) == {label}

    def _is_free(self, unit: Sequence[int]) -> bool:
        return self.chosen.isdisjoint(unit) and self._fixed.isdisjoint(unit)

    def _needed(self, unit: Iterable[int]) -> Counter[int]:
        return Counter(self._samples[position].label for position in unit)

    def _take(self, unit: Sequence[int]) -> None:
        self.chosen.update(unit)
        for label, number in self._needed(unit).items():
            self._num_val[label] += number

    def _leaves_one(self, unit: Sequence[int]) -> bool:
        return all(self._num_val[label] + n < self._counts[label] for label, n in self._needed(unit).items())

    def _leaves_half(self, unit: Sequence[int]) -> bool:
        needed = self._needed(unit).items()
        return all(2 * (self._num_val[label] + number) <= self._counts[label] for label, number in needed)
