"""Kill a training with signal 9 at random moments, again and again: `python -m tests.torture --rounds 200`.

A round trains in a process of its own, kills it at a random moment, looks at what is left, and lets the run go on to
its end; in every fourth round the one that goes on is killed too. After each kill the run folder must open and its
model answer; the end must be that of a run left alone, bit by bit.
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
import engine.ml.training.loop  # noqa: F401 - before the fork, so that the time until a kill is spent in training
from engine import jobs
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.core.events import RunStarted
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.models.model_file import load_model
from engine.runs.run_folder import Run, list_runs
from tests.fault_table import final_state
from tests.images import write_classes

CONFIG = (
    RunConfig()
    .changed("data", image_size=32)
    .changed("training", epochs=3, batch_size=8, device="cpu", checkpoint_minutes=0, ema_decay=0.9)
    .changed("augment", mixup_alpha=0.4, random_erasing=0.5)
    .changed("model", dropout=0.3)
)


@dataclass
class Outcome:
    """What came of the rounds."""

    num_rounds: int = 0
    num_kills: int = 0
    num_within_training: int = 0
    """Kills behind the first event of a run and before its end."""
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = (
            f"{self.num_rounds} rounds, {self.num_kills} kills ({self.num_within_training} of them while it trained): "
            f"{self.num_rounds - len(self.faults)} recovered and ended bit-identical, {len(self.faults)} did not"
        )
        return "\n".join([told, *self.faults])


def torture(num_rounds: int, seed: int, folder: Path, say: Callable[[str], object] = lambda _: None) -> Outcome:
    """Do so many rounds in a folder."""
    torch.set_num_threads(1)  # a process that forks must have no team of threads
    dice = random.Random(seed)
    root = write_classes(folder / "data", {"red": 16, "green": 16, "blue": 16})
    dataset = split(scan(root), 0.25, 0)
    alone = folder / "alone"
    began = time.monotonic()
    assert _wait(_fork(lambda: _train(dataset, alone))) == 0
    seconds = time.monotonic() - began
    expected = final_state(Run(alone))
    outcome = Outcome()
    for number in range(num_rounds):
        path = folder / "runs" / f"{number}"
        fault = _round(dataset, path, [dice.uniform(0, seconds) for _ in range(2 if number % 4 == 3 else 1)], outcome)
        if fault is None and final_state(Run(path)) != expected:
            fault = "ended otherwise"
        outcome.num_rounds += 1
        if fault is not None:
            outcome.faults.append(f"round {number}: {fault}")
        say(f"{number + 1}/{num_rounds} {fault or 'ok'}")
    return outcome


def _round(dataset: Dataset, path: Path, delays: list[float], outcome: Outcome) -> str | None:
    """Return what went wrong, or None."""
    for delay in delays:
        child = _fork(lambda: _train(dataset, path))
        time.sleep(delay)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:  # it was faster than the reference
            if os.waitstatus_to_exitcode(status) != 0:
                return f"it failed by itself within {delay:.3f} s"
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        outcome.num_kills += 1
        outcome.num_within_training += Run(path).history.started is not None and not Run(path).is_finished
        if _wait(_fork(lambda: _look(path))) != 0:
            return f"what a kill after {delay:.3f} s left cannot be opened"
    if not Run(path).is_finished and _wait(_fork(lambda: _train(dataset, path))) != 0:
        return f"it did not go on after kills at {delays}"
    left = [entry.name for entry in path.iterdir() if entry.name.startswith(".") and entry.name != ".lock"]
    return f"files were left: {left}" if left else None


def _train(dataset: Dataset, path: Path) -> None:
    """Train, or go on where there is a run already, as a user would."""
    if Run(path).config_path.is_file():
        run_to_end(jobs.resume(path))
    else:
        run_to_end(jobs.train(dataset, CONFIG, path))


def _look(path: Path) -> None:
    """Open all that a run has, as the window does."""
    run = Run(path)
    if not run.config_path.is_file():  # killed before there was a run
        return
    assert run in list_runs(path.parent)
    assert run.config == CONFIG
    picture = run.dataset.root / run.dataset.samples[0].path
    if any(isinstance(event, RunStarted) for event in run.events()) or run.model_path.is_file():
        load_model(run.model_path)
        assert run_to_end(jobs.predict(run.model_path, [picture])) == 1


def _fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except Exception:  # noqa: BLE001 - this process ends here, whatever it was
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLASSIFOLD_HOME"] = folder
        outcome = torture(options.rounds, options.seed, Path(folder), lambda line: print(line, file=sys.stderr))  # noqa: T201
    print(outcome)  # noqa: T201
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
