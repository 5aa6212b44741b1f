"""Training speed by the way in which threads of OpenMP wait, on an idle and on a busy machine.

`python -m benchmarks.waiting --shared FOLDER`; the ways take turns, and each is a ratio to OpenMP's default.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tyro

from benchmarks.comparison import median_and_range, ratios, run_contender, speeds
from benchmarks.contenders.task import Task
from benchmarks.output import print_header, print_row

WAYS: dict[str, dict[str, str]] = {
    "default": {},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "spin 1,000": {"GOMP_SPINCOUNT": "1000"},
    "spin 10,000": {"GOMP_SPINCOUNT": "10000"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
_LOAD = "import os, torch; a = torch.randn(700, 700); parent = os.getppid()\nwhile os.getppid() == parent: a @ a"
_LOADS_PER_CORE = 2


def main(shared: Path = Path("../shared"), repeats: int = 3, epochs: int = 2, precision: str = "float32") -> None:
    """Print the training speed of two networks for each way of waiting.

    Args:
        shared: Folder with data/hymenoptera.
        repeats: Number of turns.
        epochs: Epochs of each training; the first one counts only if it is the only one.
        precision: Precision of the training.
    """
    folder = str(shared.resolve() / "data" / "hymenoptera")
    print_header("network", "machine", "waiting", "images/s", "ratio to the default")
    for backbone, size in (("se_resnet", 64), ("resnet18", 224)):
        for is_busy in (False, True):
            tasks = [
                Task(folder, backbone, image_size=size, epochs=epochs, seed=seed, precision=precision)
                for seed in range(repeats)
            ]
            with _load(is_busy):
                measured = {name: [] for name in WAYS}
                for task in tasks:
                    for name, environment in WAYS.items():
                        measured[name] += speeds([run_contender("our_training", task, **environment)])
            for name, values in measured.items():
                machine = "busy" if is_busy else "idle"
                print_row(backbone, machine, name, median_and_range(values), ratios(values, measured["default"]))


@contextmanager
def _load(is_busy: bool) -> Iterator[None]:
    """Run programs that compute during the block, if `is_busy`."""
    number = _LOADS_PER_CORE * (os.cpu_count() or 1) if is_busy else 0
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [subprocess.Popen([sys.executable, "-c", _LOAD], env=environment) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    tyro.cli(main)
