"""Kill test: trainings are killed at random moments and resumed. Run by `python -m tests.torture --rounds 200`.

Each round trains in a separate process, kills it with signal 9, opens the run folder, predicts with the model and
resumes the run to its end. In every fourth round the resumed process is killed as well. The result must be
bit-identical to that of an undisturbed run.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

import engine.core.keep_awake
import engine.ml.report.history_plot
import engine.ml.training.loop  # noqa: F401 - imported before the fork, so that the time until a kill is spent in training
from engine import jobs
from engine.core.event_stream import run_to_end
from engine.core.events import RunStarted
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.models.model_file import load_model
from engine.runs.run_folder import Run, list_runs
from tests.fault_table import final_state
from tests.images import write_classes
from tests.scratch_config import scratch_config

CONFIG = (
    scratch_config()
    .changed("data", image_size=32)
    .changed("training", epochs=3, batch_size=8, device="cpu", checkpoint_minutes=0, ema_decay=0.9)
    # As set, because a run stores what it has chosen for the automatic values
    .changed("training", precision="float32", threads=1)
    .changed("augment", mixup_alpha=0.4, random_erasing=0.5)
    .changed("model", dropout=0.3)
)


@dataclass
class Outcome:
    """Counts of rounds and kills, and the failures."""

    num_rounds: int = 0
    num_kills: int = 0
    num_during_training: int = 0
    """Kills after the first event of a run and before its end."""
    failures: list[str] = field(default_factory=list)
    """One line for each round that failed."""

    def __str__(self) -> str:
        summary = (
            f"{self.num_rounds} rounds, {self.num_kills} kills ({self.num_during_training} of them during training): "
            f"{self.num_rounds - len(self.failures)} recovered and ended bit-identical, {len(self.failures)} did not"
        )
        return "\n".join([summary, *self.failures])


def torture(num_rounds: int, seed: int, folder: Path, report: Callable[[str], object] = lambda _: None) -> Outcome:
    """Run the kill test.

    Args:
        num_rounds: Number of rounds.
        seed: Seed of the moments of the kills.
        folder: Empty folder for the dataset and the runs.
        report: Called with one line after each round.
    """
    torch.set_num_threads(1)  # forking a process with worker threads of OpenMP can deadlock
    rng = random.Random(seed)
    root = write_classes(folder / "data", {"red": 16, "green": 16, "blue": 16})
    dataset = split(scan(root), 0.25, 0)
    undisturbed = folder / "undisturbed"
    start = time.monotonic()
    assert _wait(_fork(lambda: _train(dataset, undisturbed))) == 0
    seconds = time.monotonic() - start
    expected = final_state(Run(undisturbed))
    outcome = Outcome()
    for number in range(num_rounds):
        path = folder / "runs" / f"{number}"
        failure = _run_round(
            dataset, path, [rng.uniform(0, seconds) for _ in range(2 if number % 4 == 3 else 1)], outcome
        )
        if failure is None and final_state(Run(path)) != expected:
            failure = "the result differs"
        outcome.num_rounds += 1
        if failure is not None:
            outcome.failures.append(f"round {number}: {failure}")
        report(f"{number + 1}/{num_rounds} {failure or 'ok'}")
    return outcome


def _run_round(dataset: Dataset, path: Path, delays: list[float], outcome: Outcome) -> str | None:
    """Train, kill after each delay in seconds and resume; return the failure as text, or None."""
    for delay in delays:
        child = _fork(lambda: _train(dataset, path))
        time.sleep(delay)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:  # finished before the kill
            if os.waitstatus_to_exitcode(status) != 0:
                return f"failed without a kill within {delay:.3f} s"
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        outcome.num_kills += 1
        outcome.num_during_training += Run(path).history.started is not None and not Run(path).is_finished
        if _wait(_fork(lambda: _open_all(path))) != 0:
            return f"the run folder cannot be opened after a kill at {delay:.3f} s"
    if not Run(path).is_finished and _wait(_fork(lambda: _train(dataset, path))) != 0:
        return f"resuming failed after kills at {delays}"
    remaining = [entry.name for entry in path.iterdir() if entry.name.startswith(".") and entry.name != ".lock"]
    return f"temporary files remain: {remaining}" if remaining else None


def _train(dataset: Dataset, path: Path) -> None:
    """Train, or resume the run if it exists."""
    if Run(path).config_path.is_file():
        run_to_end(jobs.resume(path))
    else:
        run_to_end(jobs.train(dataset, CONFIG, path))


def _open_all(path: Path) -> None:
    """Open every file of a run, as the window does, and predict with its model."""
    run = Run(path)
    if not run.config_path.is_file():  # killed before the run was created
        return
    assert run in list_runs(path.parent)
    assert run.config == CONFIG
    image = run.dataset.root / run.dataset.samples[0].path
    if any(isinstance(event, RunStarted) for event in run.events()) or run.model_path.is_file():
        load_model(run.model_path)
        assert run_to_end(jobs.predict(run.model_path, [image])) == 1


def _fork(function: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        function()
        code = 0
    except Exception:  # noqa: BLE001 - the process ends here in any case
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> int:
    """Run the kill test from the command line; return 1 if there are failures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLASSIFOLD_HOME"] = folder
        outcome = torture(options.rounds, options.seed, Path(folder), lambda line: print(line, file=sys.stderr))  # noqa: T201
    print(outcome)  # noqa: T201
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
