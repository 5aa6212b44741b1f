"""What every contender is told: the same images, the same split, the same start weights, the same size."""

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
    """One job for one contender, handed over as JSON on the command line."""

    data: str
    backbone: str = "mobilenet_v2"
    weights: str = "none"
    """Path of a torchvision state dict, or none."""
    image_size: int = 224
    batch_size: int = 32
    epochs: int = 3
    seed: int = 0
    budget: float = 0.0
    """Seconds to train for; only ours takes one."""
    mode: str = "full"
    """What learns; only ours takes one."""
    model: str = ""
    """A model file of ours, for prediction."""

    keep: str = ""
    """Where to put the model file; only ours."""

    def but(self, **values: object) -> "Task":
        """Return the task with some values changed."""
        return replace(self, **values)  # type: ignore[arg-type]

    @property
    def dataset(self) -> Dataset:
        """The folder, split the same way for everyone."""
        return split(scan(Path(self.data)), 0.2, 0)


def task_from_arguments() -> Task:
    """Return the task this process was started for."""
    return Task(**json.loads(sys.argv[1]))


def print_measurement(**values: object) -> None:
    """Print one measurement."""
    print(json.dumps(values), flush=True)  # noqa: T201


class Clock:
    """Seconds since it was made."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now, self._started = now, now()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._now() - self._started
