"""Small real trainings for tests: settings, a dataset of three colours, and runs without plot and event log."""

from collections.abc import Iterable
from pathlib import Path

from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.training.loop import fit
from engine.runs.run_folder import Run, create_run
from tests.images import write_classes
from tests.scratch_config import scratch_config

TINY = (
    scratch_config()
    .changed("data", image_size=16)
    .changed("training", epochs=2, batch_size=8, device="cpu", precision="float32")
    .changed("optim", lr=5e-3)
)


def make_dataset(root: Path) -> Dataset:
    """Write 12 images of each of three colours and return them split into 27 training and 9 validation images."""
    return split(scan(write_classes(root, {"red": 12, "green": 12, "blue": 12})), 0.25, 0)


def fit_run(dataset: Dataset, config: RunConfig, path: Path) -> tuple[Run, list[Event]]:
    """Train with the loop alone, which neither plots nor writes the event log; return the run and its events."""
    run = create_run(path, config, dataset)
    events: list[Event] = []
    done = run_to_end(fit(config, dataset, run), events.append)
    return run, [*events, done]


def epochs_of(events: Iterable[Event]) -> list[EpochDone]:
    """Return the EpochDone events."""
    return [event for event in events if isinstance(event, EpochDone)]
