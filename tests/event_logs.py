"""Run folders for tests, whose journals tell of trainings that never were."""

import math
from pathlib import Path

from engine.config.settings import RunConfig
from engine.core.events import EpochDone, Event, RunStarted, Scores, TrainScores, to_line
from engine.core.paths import default_runs_folder
from engine.data.dataset import scan
from engine.data.splits import split
from engine.runs.run_folder import Run, create_run

CONFIG = RunConfig().changed("data", image_size=16).changed("training", epochs=4, batch_size=8, device="cpu")


def make_run(root: Path, name: str, *events: Event, config: RunConfig = CONFIG) -> Run:
    """Make a run on the images below `root` that has begun and said `events`, then nothing more."""
    run = create_run(default_runs_folder() / name, config, split(scan(root), 0.25, 0))
    append_events(run, run_started(run), *events)
    return run


def append_events(run: Run, *events: Event) -> None:
    """Write events behind those of a run."""
    with open(run.events_path, "a", encoding="utf-8") as journal:
        journal.writelines(f"{to_line(event)}\n" for event in events)


def run_started(run: Run) -> RunStarted:
    """Return the beginning of a run."""
    samples = run.dataset
    return RunStarted(
        run=str(run.path), classes=samples.classes, num_train=len(samples.of_split("train")),
        num_val=len(samples.of_split("val")), device="cpu", precision="float32", parameters=9, trainable=9,
        epochs=run.config.training.epochs,
    )  # fmt: skip


def epoch_done(number: int, num_epochs: int = 4) -> EpochDone:
    """Return the end of an epoch; each is better than the one before."""
    share = 1 - 0.7 * math.exp(-number / 3)
    train = TrainScores(loss=1.2 - share, accuracy=share, plain_accuracy=share)
    val = Scores(loss=1.3 - share, accuracy=share - 0.05)
    return EpochDone(epoch=number, epochs=num_epochs, train=train, val=val, lr=0.001, seconds=8, best=True)
