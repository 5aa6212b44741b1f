"""Run folders with invented event logs, for tests that need a run without a training."""

import math
from pathlib import Path

from engine.config.settings import RunConfig
from engine.core.events import EpochDone, Event, RunStarted, TrainScores, ValScores, to_line
from engine.core.paths import default_runs_folder
from engine.data.dataset import scan
from engine.data.splits import split
from engine.runs.run_folder import Run, create_run
from tests.scratch_config import scratch_config

CONFIG = scratch_config().changed("data", image_size=16).changed("training", epochs=4, batch_size=8, device="cpu")


def make_run(root: Path, name: str, *events: Event, config: RunConfig = CONFIG) -> Run:
    """Create an interrupted run whose event log contains its start and `events`.

    Args:
        root: Folder of the dataset.
        name: Name of the run folder.
        events: Events after `run_started`.
        config: Settings of the run.
    """
    run = create_run(default_runs_folder() / name, config, split(scan(root), 0.25, 0))
    append_events(run, run_started(run), *events)
    return run


def append_events(run: Run, *events: Event) -> None:
    """Append events to the event log of a run."""
    with open(run.events_path, "a", encoding="utf-8") as log:
        log.writelines(f"{to_line(event)}\n" for event in events)


def run_started(run: Run) -> RunStarted:
    """Return the first event of a run."""
    dataset = run.dataset
    return RunStarted(
        run=str(run.path), classes=dataset.classes, num_train=len(dataset.of_split("train")),
        num_val=len(dataset.of_split("val")), device="cpu", precision="float32", parameters=9, trainable=9,
        epochs=run.config.training.epochs,
    )  # fmt: skip


def epoch_done(number: int, num_epochs: int = 4) -> EpochDone:
    """Return the event of an epoch; each epoch is better than the previous one."""
    accuracy = 1 - 0.7 * math.exp(-number / 3)
    train = TrainScores(loss=1.2 - accuracy, accuracy=accuracy, plain_accuracy=accuracy)
    val = ValScores(loss=1.3 - accuracy, accuracy=accuracy - 0.05)
    return EpochDone(epoch=number, epochs=num_epochs, train=train, val=val, lr=0.001, seconds=8, best=True)
