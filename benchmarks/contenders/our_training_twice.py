"""Two trainings with Classifold in one process, each in a thread of its own, as in the window."""

import tempfile
import threading
from pathlib import Path

from benchmarks.contenders.our_training import config_for
from benchmarks.contenders.task import print_measurement, task_from_arguments
from engine import jobs
from engine.core.events import Progress


def main() -> None:
    """Train twice and print a measurement after every epoch."""
    with tempfile.TemporaryDirectory() as folder:
        for number in (1, 2):
            thread = threading.Thread(target=_train, args=(number, Path(folder) / str(number)))
            thread.start()
            thread.join()


def _train(number: int, path: Path) -> None:
    task = task_from_arguments()
    for event in jobs.train(task.dataset, config_for(task), path):
        if isinstance(event, Progress) and event.stage == "train" and event.done == event.total:
            print_measurement(training=number, images_per_second=event.images_per_second)


if __name__ == "__main__":
    main()
