"""Training with Classifold while first no, then one, then two other processes burn a core."""

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.contenders.our_training import config_for
from benchmarks.contenders.task import print_measurement, task_from_arguments
from engine.core.events import Event, Progress
from engine.ml.training.loop import fit
from engine.runs.run_folder import create_run

_NUM_BURNERS = (0, 1, 2)
_SETTLING_SECONDS, _SECONDS = 15.0, 15.0
"""Time before the measurement, in which the number of threads adapts, and least duration of the measurement."""
_BURNER = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"


def main() -> None:
    """Train until all speeds are measured, and print each of them."""
    task = task_from_arguments()
    dataset, config = task.dataset, config_for(task).changed("training", epochs=10_000)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(fit(config, dataset, create_run(Path(folder) / "run", config, dataset))) as events,
    ):
        for event in events:
            if event.event == "epoch_done":  # the first epoch decodes the images
                break
        for number in _NUM_BURNERS:
            with _burners(number):
                _train_for(_SETTLING_SECONDS, events)
                print_measurement(burners=number, images_per_second=_train_for(_SECONDS, events))


@contextmanager
def _burners(number: int) -> Iterator[None]:
    """Run processes that burn a core each during the block."""
    processes = [subprocess.Popen([sys.executable, "-S", "-c", _BURNER]) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _train_for(seconds: float, events: Iterator[Event]) -> float:
    """Train for at least this time and return the images per second of the training steps, without validation."""
    num_images, duration = 0, 0.0
    steps = ((event, time.perf_counter()) for event in events)
    for (before, began), (event, ended) in itertools.pairwise(steps):
        if isinstance(before, Progress) and isinstance(event, Progress) and before.stage == event.stage == "train":
            num_images += event.done - before.done
            duration += ended - began
        if duration >= seconds:
            break
    return num_images / duration


if __name__ == "__main__":
    main()
