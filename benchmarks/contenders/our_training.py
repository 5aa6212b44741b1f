"""Training with Classifold, for a number of epochs or with a time budget."""

import shutil
import tempfile
from pathlib import Path

from benchmarks.contenders.task import Clock, Task, print_measurement, task_from_arguments
from engine.config.presets import DatasetFacts, resolve
from engine.config.settings import RunConfig
from engine.core.events import EpochDone, Progress, RunStarted
from engine.ml.training.loop import fit
from engine.runs.run_folder import create_run


def config_for(task: Task) -> RunConfig:
    """Return the settings of the task, with those of the presets for the others."""
    training = {"epochs": task.epochs, "batch_size": task.batch_size, "seed": task.seed, "mode": task.mode}
    training |= {"precision": task.precision, "threads": task.threads}
    if task.budget:
        training["budget"] = f"{task.budget:.0f}s"
    config = RunConfig().changed("model", backbone=task.backbone, weights=task.weights)
    config = config.changed("data", image_size=task.image_size).changed("training", **training)
    return resolve(config, DatasetFacts(num_images=len(task.dataset.samples)))


def main() -> None:
    """Train and print a measurement after every epoch."""
    task = task_from_arguments()
    dataset, config = task.dataset, config_for(task)
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", config, dataset)
        clock = Clock()
        for event in fit(config, dataset, run):
            if isinstance(event, RunStarted):
                print_measurement(precision=event.precision, reason=event.precision_reason)
            elif isinstance(event, EpochDone):
                print_measurement(seconds=clock.seconds, accuracy=event.val.accuracy)
            elif isinstance(event, Progress) and event.stage == "train" and event.done == event.total:
                print_measurement(images_per_second=event.images_per_second)
        if task.save_model_to:
            shutil.copy(run.model_path, task.save_model_to)


if __name__ == "__main__":
    main()
