"""Tests of the threaded map and the weighted semaphore."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.core import threads
from engine.core.threads import WeightedSemaphore, map_in_threads, num_cores
from engine.runs.run_folder import Run


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have another OpenMP library")
@pytest.mark.parametrize(
    ("module", "chosen", "expected"),
    [("engine", {}, "1000"), ("gui", {}, "1000"), ("engine", {"GOMP_SPINCOUNT": "77"}, "77")],
)
def test_openmp_spins_only_briefly_in_the_program_unless_the_user_wants_it(
    module: str, chosen: dict[str, str], expected: str, tiny_run: Run
) -> None:
    image = tiny_run.dataset.root / tiny_run.dataset.samples[0].path
    environment = {name: value for name, value in os.environ.items() if name not in threads._WAIT_SETTINGS}
    done = subprocess.run(
        [sys.executable, "-m", module, "predict", str(tiny_run.model_path), str(image)],
        env=environment | {"OMP_DISPLAY_ENV": "VERBOSE"} | chosen,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert set(re.findall(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)) == {expected}


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 16 cores, of which this process may use 12, in the cgroup /job/step."""
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.setattr(threads, "_CGROUP_ROOT", tmp_path)
    monkeypatch.setattr(threads, "_CGROUP_OF_PROCESS", tmp_path / "of process")
    (tmp_path / "job" / "step").mkdir(parents=True)
    (tmp_path / "of process").write_text("0::/job/step\n")
    return tmp_path


def test_the_cores_are_those_of_the_affinity_without_a_quota(cgroups: Path) -> None:
    assert num_cores() == 12
    (cgroups / "job" / "cpu.max").write_text("max 100000\n")
    assert num_cores() == 12
    (cgroups / "of process").unlink()
    assert num_cores() == 12


@pytest.mark.parametrize(("quota", "expected"), [("250000 100000", 3), ("10000 100000", 1), ("9900000 100000", 12)])
def test_the_cores_are_limited_by_the_quota_of_the_container(cgroups: Path, quota: str, expected: int) -> None:
    (cgroups / "job" / "cpu.max").write_text(quota)
    assert num_cores() == expected


def test_the_quota_of_an_old_kernel_is_used(cgroups: Path) -> None:
    (cgroups / "of process").write_text("5:memory:/job\n4:cpu,cpuacct:/job\n")
    folder = cgroups / "cpu" / "job"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert num_cores() == 12
    (folder / "cpu.cfs_quota_us").write_text("200000\n")
    assert num_cores() == 2


def test_a_system_without_affinity_has_the_cores_of_the_machine(cgroups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(threads.os, "sched_getaffinity")
    monkeypatch.setattr(threads.os, "cpu_count", lambda: None)
    assert num_cores() == 1
