"""Disk errors: each write, sync and rename of a training is refused in turn. Run by `python -m tests.fault_table`."""

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from engine import jobs
from engine.core.cache import cache_folder
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.models.model_file import load_model
from engine.runs.run_folder import Run
from tests.failing_disk import FailingDisk, use_disk
from tests.images import write_classes
from tests.scratch_config import scratch_config

TINY = (
    scratch_config()
    .changed("data", image_size=16)
    .changed("training", epochs=2, batch_size=16, device="cpu", checkpoint_minutes=0)
    .changed("optim", lr=5e-3)
)
_FOREVER = 2**31
_TITLES = (
    "refused",
    "how long",
    "times",
    "run finished",
    "stopped with a message, resumed",
    "model opened",
    "result identical",
)


@dataclass(frozen=True)
class Outcome:
    """Effect of one disk error on a run."""

    what: str
    """Request that was refused, such as `write model.safetensors`."""
    warnings: tuple[str, ...]
    failure: str | None
    """Error message that the training ended with, or None."""
    was_over: bool
    """True if the run finished in spite of the error."""
    is_identical: bool
    """True if the result, after resuming if necessary, equals that of an undisturbed run."""


def final_state(run: Run) -> tuple[object, ...]:
    """Return everything that must be identical in a resumed and in an undisturbed run."""
    epochs = [epoch.model_copy(update={"seconds": 0.0}) for epoch in run.history.epochs]
    tensors = {name: tensor.numpy().tobytes() for name, tensor in load_file(run.model_path).items()}
    return epochs, tensors, run.results_path.read_bytes(), run.reference_path.read_bytes()


def inject_faults(folder: Path, lasts: bool) -> Iterator[Outcome]:
    """Train once per disk request of a training, with this request refused.

    Args:
        folder: Folder for the dataset and the runs.
        lasts: Refuse all later requests as well.

    Raises:
        EngineError: A model file cannot be opened after the error.
    """
    # Enough images for calibration, and for no warning that images are few
    dataset = split(scan(write_classes(folder / "data", {"red": 24, "blue": 24})), 0.42, 0)
    with use_disk(FailingDisk()) as disk:
        expected = final_state(run_to_end(jobs.train(dataset, TINY, folder / "undisturbed")))
    for number, what in enumerate(disk.requests):
        shutil.rmtree(cache_folder())  # with cached records and features, later trainings would make fewer requests
        failing = FailingDisk(number, _FOREVER if lasts else number, errno.ENOSPC if number % 2 else errno.EROFS)
        yield _train_on(failing, what, dataset, folder / f"{number}", expected)


def _train_on(disk: FailingDisk, what: str, dataset: Dataset, path: Path, expected: tuple[object, ...]) -> Outcome:
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


def _print_row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)  # noqa: T201


def main() -> int:
    """Print a table by request; return 1 if a run neither finished nor stopped with a message, or differs."""
    _print_row(*_TITLES)
    print("|" + "---|" * len(_TITLES))  # noqa: T201
    is_ok = True
    for lasts in (False, True):
        with tempfile.TemporaryDirectory() as name:
            os.environ["CLASSIFOLD_HOME"] = name
            outcomes = list(inject_faults(Path(name), lasts))
        for what in dict.fromkeys(outcome.what for outcome in outcomes):
            same = [outcome for outcome in outcomes if outcome.what == what]
            num_over = sum(outcome.was_over for outcome in same)
            num_stopped = sum(not outcome.was_over and bool(outcome.failure) for outcome in same)
            num_identical = sum(outcome.is_identical for outcome in same)
            how_long = "from then on" if lasts else "once"
            _print_row(what, how_long, len(same), num_over, num_stopped, len(same), num_identical)
            is_ok = is_ok and num_over + num_stopped == len(same) == num_identical
    return 0 if is_ok else 1


if __name__ == "__main__":
    sys.exit(main())
