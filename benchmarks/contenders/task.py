"""The task of a contender: the same images, split, pretrained weights and image size for all of them."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from engine.data.dataset import Dataset, scan
from engine.data.splits import split


@dataclass(frozen=True)
class Task:
    """A task for one contender, passed as JSON on the command line."""

    data: str
    """Folder of the dataset."""
    backbone: str = "mobilenet_v2"
    weights: str = "none"
    """Path of a torchvision state dict, or none."""
    image_size: int = 224
    batch_size: int = 32
    epochs: int = 3
    seed: int = 0
    budget: float = 0.0
    """Time budget in seconds; used by Classifold only."""
    mode: str = "full"
    """Training mode; used by Classifold only."""
    precision: str = "auto"
    """Precision of training; used by Classifold only."""
    threads: int = 0
    """Number of compute threads; 0: adapted to other programs. Used by Classifold only."""
    model: str = ""
    """Model file for prediction; used by Classifold only."""
    save_model_to: str = ""
    """Path to copy the trained model to; used by Classifold only."""

    def changed(self, **values: object) -> "Task":
        """Return the task with some values changed."""
        return replace(self, **values)  # type: ignore[arg-type]

    @property
    def dataset(self) -> Dataset:
        """The dataset, with the same split for every contender."""
        return split(scan(Path(self.data)), 0.2, 0)


def task_from_arguments() -> Task:
    """Return the task on the command line of this process."""
    return Task(**json.loads(sys.argv[1]))


def print_measurement(**values: object) -> None:
    """Print one measurement as a JSON line."""
    print(json.dumps(values), flush=True)  # noqa: T201


class Clock:
    """Clock that starts when it is created."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now, self._start = now, now()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._now() - self._start
