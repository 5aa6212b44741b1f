"""Training with Classifold without any settings: what the presets choose for the images."""

import tempfile
from pathlib import Path

from benchmarks.contenders.task import Clock, print_measurement, task_from_arguments
from engine import jobs
from engine.config.settings import RunConfig
from engine.core.events import CandidateDone, EpochDone
from engine.ml.training.loop import fit
from engine.runs.run_folder import create_run


def main() -> None:
    """Train and print a measurement after every epoch and every candidate."""
    task = task_from_arguments()
    dataset, settings = task.dataset, RunConfig().changed("training", seed=task.seed)
    config = jobs.resolve_for(dataset, settings)
    print_measurement(budget=config.training.budget_seconds, backbone=config.model.backbone)
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", config, dataset)
        clock = Clock()
        for event in fit(config, dataset, run):
            if isinstance(event, EpochDone):
                print_measurement(seconds=clock.seconds, accuracy=event.val.accuracy, epoch_seconds=event.seconds)
            elif isinstance(event, CandidateDone):
                print_measurement(candidate=event.name, best=event.accuracy, took=event.seconds)


if __name__ == "__main__":
    main()
