"""Tests of the adaptation of threads to the load, on a simulated computer whose speed depends on their number."""

import os

import pytest

from engine.ml.runtime import adaptive_threads
from engine.ml.runtime.adaptive_threads import AdaptiveThreads, make_adaptive_threads

BATCH = 32
BESIDE_ANOTHER = {1: 66.0, 2: 51.0}
"""Images per second by number of threads."""


class Computer:
    """A computer of two cores; time passes only in training steps."""

    def __init__(self) -> None:
        self.now, self.num_threads, self.free_cores = 0.0, 2, 1.33
        self.counts: list[int] = []
        """Number of threads in each step."""
        self.messages: list[str] = []
        self.threads = AdaptiveThreads(2, self.messages.append, self.set_threads, self, clock=lambda: self.now)

    def since_last_call(self) -> float:
        return self.free_cores

    def set_threads(self, count: int) -> None:
        self.num_threads = count

    def train(self, num_steps: int, seconds: float | None = None) -> list[int]:
        """Train an epoch, each step of which takes `seconds` or what the number of threads allows."""
        first = len(self.counts)
        for batch in self.threads.during(range(num_steps), lambda _: BATCH):
            assert batch == len(self.counts) - first
            self.counts.append(self.num_threads)
            self.now += seconds or BATCH / BESIDE_ANOTHER[self.num_threads]
        return self.counts[first:]


def test_training_beside_another_program_soon_uses_the_faster_number_of_threads() -> None:
    computer = Computer()
    computer.train(100)
    assert computer.counts[:6] == [2] * 6
    assert computer.counts[20:].count(1) / 80 > 0.8


def test_training_on_an_idle_computer_keeps_all_threads_and_says_nothing() -> None:
    computer = Computer()
    computer.free_cores = 1.95
    assert set(computer.train(100)) == {2}
    assert computer.messages == []


def test_the_user_is_told_once() -> None:
    computer = Computer()
    for _ in range(3):
        computer.train(50)
    assert len(computer.messages) == 1
    assert "CPU threads" in computer.messages[0]


def test_between_epochs_all_threads_are_used_and_the_search_goes_on() -> None:
    computer = Computer()
    computer.train(20)
    assert computer.threads._search.count == 1
    assert computer.num_threads == 2
    assert computer.train(3) == [1, 1, 1]


def test_all_threads_are_used_after_an_epoch_that_is_stopped() -> None:
    computer = Computer()
    computer.train(20)
    steps = computer.threads.during(range(5), lambda _: BATCH)
    next(iter(steps))
    assert computer.num_threads == 1
    steps.close()  # type: ignore[attr-defined]
    assert computer.num_threads == 2


def test_windows_may_consist_of_steps_of_several_epochs() -> None:
    computer = Computer()
    for _ in range(30):
        computer.train(3)
    assert 1 in computer.counts


def test_time_between_epochs_does_not_count_as_training() -> None:
    computer, undisturbed = Computer(), Computer()
    for _ in range(30):
        computer.train(5)
        computer.now += 100
        undisturbed.train(5)
    assert computer.counts == undisturbed.counts


def test_the_first_step_of_an_epoch_and_with_a_new_number_is_not_measured() -> None:
    computer = Computer()
    counts = computer.train(15, seconds=10.0)
    assert counts[:6] == [2, 2, 2, 1, 1, 2]
    assert counts[6:].count(1) == 1, "the second trial takes a single step"


@pytest.mark.parametrize(("num_cores", "variable", "adapts"), [(2, "", True), (1, "", False), (2, "2", False)])
def test_only_a_number_that_the_user_did_not_set_is_adapted(
    num_cores: int, variable: str, adapts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptive_threads, "num_compute_threads", lambda: num_cores)
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", variable)
    assert (make_adaptive_threads(print) is not None) is adapts


def test_several_processes_do_not_adapt_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive_threads, "num_compute_threads", lambda: 2)
    monkeypatch.setattr(adaptive_threads.distributed, "world_size", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert make_adaptive_threads(print) is None
