"""Training speed beside processes that burn a core, and of a second training in one process.

`python -m benchmarks.busy --shared FOLDER`; OMP_NUM_THREADS must not be set. Each row comes from one process, in which
the other processes come and go; `--repeats` interleaves the rows.
"""

import os
import sys
from pathlib import Path
from typing import Literal, get_args

import tyro

from benchmarks.comparison import median_and_range, run_contender, speeds
from benchmarks.contenders.task import Task
from benchmarks.output import print_header, print_line, print_row
from engine.core.threads import num_cores

Part = Literal["burners", "second"]

SIZES = {"se_resnet": 64, "resnet18": 224, "efficientnet_lite0": 224}
"""Image size of each network that is measured by default."""
_SPIN = {"GOMP_SPINCOUNT": "1000"}
WAYS: dict[str, tuple[int, dict[str, str]]] = {
    "Classifold": (0, _SPIN),
    "fixed number of threads": (num_cores(), _SPIN),
    "fixed, OpenMP's default wait": (num_cores(), {"GOMP_SPINCOUNT": "300000"}),
    "fixed, passive wait": (num_cores(), {"OMP_WAIT_POLICY": "PASSIVE"}),
}
"""Setting `training.threads` and environment variables of each way to use the threads."""


def main(
    shared: Path = Path("../shared"),
    backbones: tuple[str, ...] = tuple(SIZES),
    ways: tuple[str, ...] = tuple(WAYS),
    parts: tuple[Part, ...] = get_args(Part),
    repeats: int = 1,
) -> None:
    """Print the training speed of each network for each way to use the threads.

    Args:
        shared: Folder with data/hymenoptera.
        backbones: Networks to measure.
        ways: Ways to use the threads; names in the first column.
        parts: Speed beside burning processes, and speed of a second training in one process.
        repeats: Number of turns.
    """
    if "OMP_NUM_THREADS" in os.environ:
        sys.exit("Unset OMP_NUM_THREADS; with it, the number of threads is fixed.")
    folder = str(shared.resolve() / "data" / "hymenoptera")
    tasks = {name: Task(folder, name, image_size=SIZES.get(name, 224)) for name in backbones}
    if "burners" in parts:
        _beside_burners(tasks, ways, repeats)
    if "second" in parts:
        _second_training(tasks, repeats)


def _beside_burners(tasks: dict[str, Task], ways: tuple[str, ...], repeats: int) -> None:
    """Print speeds beside 0, 1 and 2 processes, and their ratios to the fair share of the idle speed."""
    print_header(
        "network", "threads", "idle, images/s", "beside 1", "of the fair share", "beside 2", "of the fair share"
    )
    for name, task in tasks.items():
        measured: dict[str, list[list[float]]] = {way: [] for way in ways}
        for _ in range(repeats):
            for way in ways:
                threads, environment = WAYS[way]
                output = run_contender("our_training_beside_burners", task.changed(threads=threads), **environment)
                measured[way].append([line["images_per_second"] for line in output if "burners" in line])
        for way, runs in measured.items():
            idle, *busy = zip(*runs)
            cells = [median_and_range(idle)]
            for burners, values in enumerate(busy, 1):
                fair_share = num_cores() / (num_cores() + burners)
                cells.append(median_and_range(values))
                cells.append(median_and_range([value / (fair_share * full) for value, full in zip(values, idle)], 2))
            print_row(name, way, *cells)


def _second_training(tasks: dict[str, Task], repeats: int) -> None:
    """Print the speed of the second training in one process relative to the first."""
    for name, task in tasks.items():
        ratios = []
        for _ in range(repeats):
            output = run_contender("our_training_twice", task.changed(epochs=4), **_SPIN)
            first, second = (speeds([[line for line in output if line["training"] == number]])[0] for number in (1, 2))
            ratios.append(second / first)
        print_line(f"{name}: speed of the second training relative to the first {median_and_range(ratios, 2)}")


if __name__ == "__main__":
    tyro.cli(main)
