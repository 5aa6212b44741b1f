"""Tests of the threaded map and the weighted semaphore."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.core.threads import WeightedSemaphore, map_in_threads


def test_results_are_in_the_order_of_the_items() -> None:
    assert list(map_in_threads(lambda n: n * n, range(200), ahead=7)) == [n * n for n in range(200)]


def test_items_are_read_only_as_far_ahead_as_allowed() -> None:
    read_items = []

    def items() -> Iterator[int]:
        for number in range(100):
            read_items.append(number)
            yield number

    results = map_in_threads(lambda n: n, items(), ahead=5)
    next(results)
    assert len(read_items) <= 6
    assert list(results) == list(range(1, 100))


def test_an_exception_is_raised_in_place_of_its_result() -> None:
    results = map_in_threads(lambda n: 1 / n, [1, 2, 0, 4], ahead=4)
    assert [next(results), next(results)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_ends_all_threads() -> None:
    before = threading.active_count()
    results = map_in_threads(lambda n: n, range(1000), ahead=10)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_threads_never_hold_more_units_than_the_total() -> None:
    semaphore, held, totals = WeightedSemaphore(10), [0], []
    lock = threading.Lock()

    def work(number: int) -> None:
        amount = 1 + number % 7
        with semaphore.acquire_units(amount):
            with lock:
                held[0] += amount
                totals.append(held[0])
            time.sleep(0)  # lets other threads run
            with lock:
                held[0] -= amount

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(500)))
    assert 7 < max(totals) <= 10
    with semaphore.acquire_units(10):  # all units were released
        pass
