"""Refuse each write, sync and rename of a training in turn and tell what came of it: `python -m tests.fault_table`."""

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.models.model_file import load_model
from engine.runs.run_folder import Run
from tests.failing_disk import FailingDisk, use_disk
from tests.images import write_classes

TINY = (
    RunConfig()
    .changed("data", image_size=16)
    .changed("training", epochs=2, batch_size=16, device="cpu", checkpoint_minutes=0)
    .changed("optim", lr=5e-3)
)


@dataclass(frozen=True)
class Outcome:
    """What came of one fault."""

    what: str
    """What was refused."""
    warnings: tuple[str, ...]
    failure: str | None
    """The sentence that the training ended with, where it did not go on."""
    was_over: bool
    """Whether the run came to its end in spite of the fault."""
    is_identical: bool
    """Whether its end, resumed where it was not over, is that of a run left alone."""


def final_state(run: Run) -> tuple[object, ...]:
    """Return all that must not depend on whether a run was cut off."""
    epochs = [epoch.model_copy(update={"seconds": 0.0}) for epoch in run.history.epochs]
    tensors = {name: tensor.numpy().tobytes() for name, tensor in load_file(run.model_path).items()}
    return epochs, tensors, run.results_path.read_bytes(), run.reference_path.read_bytes()


def inject_faults(folder: Path, lasts: bool) -> Iterator[Outcome]:
    """Let each request to the disk fail, alone or with all that follow; raises where a model then cannot be opened."""
    dataset = split(scan(write_classes(folder / "data", {"red": 8, "blue": 8})), 0.25, 0)
    with use_disk(FailingDisk()) as disk:
        expected = final_state(run_to_end(jobs.train(dataset, TINY, folder / "alone")))
    for number, what in enumerate(disk.requests):
        error = errno.ENOSPC if number % 2 else errno.EROFS
        yield _outcome(
            FailingDisk(number, 2**31 if lasts else number, error), what, dataset, folder / f"{number}", expected
        )


def _outcome(disk: FailingDisk, what: str, dataset: Dataset, path: Path, expected: tuple[object, ...]) -> Outcome:
    events: list[Event] = []
    failure = None
    with use_disk(disk):
        try:
            run_to_end(jobs.train(dataset, TINY, path), events.append)
        except EngineError as error:
            failure = error.message
    run = Run(path)
    if run.history.started is not None:
        load_model(run.model_path)
    was_over = run.is_finished
    if not was_over:
        run_to_end(jobs.resume(path) if run.config_path.is_file() else jobs.train(dataset, TINY, path))
    warnings = tuple(event.message for event in events if isinstance(event, Warned))
    return Outcome(what, warnings, failure, was_over, final_state(run) == expected)


def main() -> int:
    """Print the table."""
    print("| refused | how long | times | run ended by itself | told, resumed | model opened | end identical |")  # noqa: T201
    print("|---|---|---|---|---|---|---|")  # noqa: T201
    is_right = True
    for lasts in (False, True):
        with tempfile.TemporaryDirectory() as name:
            os.environ["CLASSIFOLD_HOME"] = name
            found = list(inject_faults(Path(name), lasts))
        for what in dict.fromkeys(outcome.what for outcome in found):
            some = [outcome for outcome in found if outcome.what == what]
            num_over, num_told = (sum(o.was_over for o in some), sum(not o.was_over and bool(o.failure) for o in some))
            num_identical = sum(outcome.is_identical for outcome in some)
            how_long = "from then on" if lasts else "once"
            counts = f"{len(some)} | {num_over} | {num_told} | {len(some)} | {num_identical}"
            print(f"| {what} | {how_long} | {counts} |", flush=True)  # noqa: T201
            is_right = is_right and num_over + num_told == len(some) == num_identical
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
