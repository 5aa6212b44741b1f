"""Tests of doing the same to many things in threads."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.core.threads import WeightedSemaphore, map_in_threads


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(map_in_threads(lambda n: n * n, range(200), ahead=7)) == [n * n for n in range(200)]


def test_no_more_items_are_taken_than_the_bound_allows() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_threads(lambda n: n, items(), ahead=5)
    next(results)
    assert len(taken) <= 6
    assert list(results) == list(range(1, 100))


def test_an_exception_comes_where_its_result_was_due() -> None:
    results = map_in_threads(lambda n: 1 / n, [1, 2, 0, 4], ahead=4)
    assert [next(results), next(results)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_leaves_no_thread() -> None:
    before = threading.active_count()
    results = map_in_threads(lambda n: n, range(1000), ahead=10)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_what_threads_hold_of_a_budget_is_never_more_than_there_is() -> None:
    budget, held, most = WeightedSemaphore(10), [0], []
    lock = threading.Lock()

    def work(number: int) -> None:
        amount = 1 + number % 7
        with budget.acquire_units(amount):
            with lock:
                held[0] += amount
                most.append(held[0])
            time.sleep(0)  # lets the others in
            with lock:
                held[0] -= amount

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(500)))
    assert 7 < max(most) <= 10
    with budget.acquire_units(10):  # all was given back
        pass
