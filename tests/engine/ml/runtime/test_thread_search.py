"""Tests of the search for the fastest number of threads, with scripted speeds and loads."""

import random
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest

from engine.ml.runtime.thread_search import ThreadSearch

IDLE = 8.0
BUSY = 5.0
"""Free cores of a computer of eight cores."""
BESIDE_ONE = {1: 0.64, 2: 0.5}
BESIDE_TWO = {1: 0.41, 2: 0.47}
"""Speeds by number of threads on two cores beside one and two busy programs."""


def _counts(
    search: ThreadSearch, speed: Callable[[int], float], free_cores: float | None, num_windows: int
) -> list[int]:
    """Return the number of threads in each window."""
    counts = []
    for _ in range(num_windows):
        counts.append(search.count)
        search.window_done(speed(search.count), free_cores)
    return counts


def _share(counts: list[int], count: int) -> float:
    return counts.count(count) / len(counts)


@pytest.mark.parametrize("free_cores", [IDLE, IDLE - 0.2, None])
def test_an_idle_computer_always_uses_all_threads(free_cores: float | None) -> None:
    counts = _counts(ThreadSearch(8), lambda count: 1 / count, free_cores, 100)
    assert set(counts) == {8}


def test_one_busy_window_changes_nothing() -> None:
    search = ThreadSearch(8)
    for _ in range(20):
        assert search.window_done(1.0, BUSY) == 8
        assert search.window_done(1.0, IDLE) == 8


@pytest.mark.parametrize(("speeds", "best", "free_cores"), [(BESIDE_ONE, 1, 1.33), (BESIDE_TWO, 2, 1.0)])
def test_nearly_all_windows_have_the_fastest_number(speeds: Mapping[int, float], best: int, free_cores: float) -> None:
    counts = _counts(ThreadSearch(2), speeds.__getitem__, free_cores, 100)
    assert _share(counts, best) > 0.85


@pytest.mark.parametrize("best", [1, 3, 5, 8, 11, 15])
def test_the_search_converges_to_the_best_of_many_threads(best: int) -> None:
    counts = _counts(ThreadSearch(16), lambda count: 1 - 0.1 * abs(count - best), free_cores=13.0, num_windows=60)
    settled = max(set(counts[30:]), key=counts[30:].count)
    assert abs(settled - best) <= 2


def test_the_first_number_that_is_tried_is_that_of_the_free_cores() -> None:
    search = ThreadSearch(16)
    counts = _counts(search, lambda _: 1.0, 14.8, 3)
    assert counts == [16, 16, 15]


@pytest.mark.parametrize("seed", range(5))
def test_noise_of_speeds_never_changes_the_number_for_more_than_a_trial(seed: int) -> None:
    rng = random.Random(seed)
    counts = _counts(ThreadSearch(8), lambda _: rng.uniform(0.98, 1.02), BUSY, 200)
    trials = [position for position, count in enumerate(counts) if count != 8]
    assert all(later - earlier > 1 for earlier, later in pairwise(trials))
    assert len(trials) < 200 / 8 + 3


def test_other_numbers_are_tried_again_after_some_windows() -> None:
    search = ThreadSearch(2)
    assert _share(_counts(search, BESIDE_TWO.__getitem__, 1.0, 50), 2) > 0.8
    counts = _counts(search, BESIDE_ONE.__getitem__, 1.33, 50)
    assert 1 in counts[:10]
    assert _share(counts[10:], 1) > 0.8


def test_all_threads_are_used_again_as_soon_as_the_computer_is_idle() -> None:
    search = ThreadSearch(2)
    _counts(search, BESIDE_ONE.__getitem__, 1.33, 4)
    assert search.count == 1
    assert search.window_done(0.6, 2.0) == 2


def test_after_a_trial_that_brought_nothing_the_next_one_is_in_the_other_direction() -> None:
    search = ThreadSearch(8)
    counts = _counts(search, lambda count: 1.0 if count == 8 else 2.0, free_cores=6.0, num_windows=18)
    assert [count for count in counts[3:] if count != 6] == [5, 7]
