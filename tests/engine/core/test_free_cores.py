"""Tests of the number of cores that other programs leave free."""

import os
from pathlib import Path

import pytest

from engine.core import free_cores
from engine.core.free_cores import FreeCores

TICKS = 100
"""Ticks a second of the simulated kernel."""


class Computer:
    """A computer of four cores, of which this process may use the first two; its times are set by tests."""

    def __init__(self, stat: Path) -> None:
        self._stat, self.now, self.own = stat, 1000.0, 5.0
        self.idle = [300.0, 400.0, 500.0, 600.0]
        self.write()

    def write(self) -> None:
        """Write the idle times, one half as idle and the other as waiting for disks."""
        lines = ["cpu  0 0 0 1 1 0 0 0 0 0"]
        for core, idle in enumerate(self.idle):
            half = round(idle * TICKS / 2)
            lines.append(f"cpu{core} 777 77 77 {half} {half} 7 7 7 0 0")
        self._stat.write_text("\n".join([*lines, "intr 1 2 3", "ctxt 5", ""]))

    def run(self, seconds: float, own: float, idle: tuple[float, float], others_idle: float = 0.0) -> None:
        """Let time pass in which this process takes `own` seconds and its two cores are idle for `idle`."""
        self.now += seconds
        self.own += own
        self.idle = [self.idle[0] + idle[0], self.idle[1] + idle[1], *(time + others_idle for time in self.idle[2:])]
        self.write()


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    monkeypatch.setattr(free_cores, "_STAT", tmp_path / "stat")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(os, "sysconf", lambda _: TICKS, raising=False)
    return Computer(tmp_path / "stat")


def _measure(computer: Computer) -> FreeCores:
    return FreeCores(clock=lambda: computer.now, own_time=lambda: computer.own)


def test_all_cores_are_free_if_only_this_process_computes(computer: Computer) -> None:
    load = _measure(computer)
    computer.run(4, own=6, idle=(1, 1))
    assert load.since_last_call() == pytest.approx(2)
    computer.run(4, own=0, idle=(4, 4))
    assert load.since_last_call() == pytest.approx(2)


def test_cores_that_other_programs_take_are_not_free(computer: Computer) -> None:
    load = _measure(computer)
    computer.run(3, own=4, idle=(0, 0))
    assert load.since_last_call() == pytest.approx(4 / 3)


def test_each_call_measures_the_time_since_the_last_one(computer: Computer) -> None:
    load = _measure(computer)
    computer.run(3, own=3, idle=(0, 0))
    load.since_last_call()
    computer.run(1, own=2, idle=(0, 0))
    assert load.since_last_call() == pytest.approx(2)


def test_cores_that_this_process_may_not_use_do_not_count(computer: Computer) -> None:
    load = _measure(computer)
    computer.run(2, own=2, idle=(0, 0), others_idle=2)
    assert load.since_last_call() == pytest.approx(1)


@pytest.mark.parametrize("content", [None, "", "cpu0 no numbers at all here\n", "intr 5\n"])
def test_the_number_is_unknown_without_counters(computer: Computer, tmp_path: Path, content: str | None) -> None:
    (tmp_path / "stat").unlink()
    if content is not None:
        (tmp_path / "stat").write_text(content)
    load = _measure(computer)
    computer.now += 1
    assert load.since_last_call() is None


def test_the_number_is_unknown_on_systems_without_affinity(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    load = _measure(computer)
    computer.run(1, own=1, idle=(0, 0))
    assert load.since_last_call() is None


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="other systems have no such counters")
def test_this_computer_has_at_most_as_many_free_cores_as_the_process_may_use() -> None:
    load = FreeCores()
    sum(number * number for number in range(300_000))
    measured = load.since_last_call()
    assert measured is not None
    assert measured > 0
