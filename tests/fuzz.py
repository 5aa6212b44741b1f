"""Fuzz test: open thousands of damaged files. Run by `python -m tests.fuzz images --count 10000 --seed 0`.

A kind of file is a module with three functions. `damaged_file(seed)` returns the bytes of a damaged file, the same ones
for the same seed. `suffix(seed)` returns the end of its name. `open_file(path)` reads it as the program does and raises
EngineError if it is refused. Any other exception, a crash of the process and more than a few seconds of processor time
are failures. MAX_MEMORY, if the module defines it, is the limit in bytes of the peak memory of the process.
"""

import argparse
import importlib
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.core.errors import EngineError

KINDS = {"images": "tests.fuzz_images", "models": "tests.fuzz_models"}
MAX_SECONDS = 5.0
_HANG_SECONDS = 30
_SEEDS_PER_PROCESS = 500


@dataclass
class Report:
    """Counts of the outcomes, failures and extremes of a fuzz test."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """One line for each failure."""
    slowest: float = 0.0
    """Processor time of the slowest file in seconds; unlike wall time it does not depend on other load."""
    slowest_seed: int = 0
    peak: int = 0
    """Peak memory in bytes of the largest process."""

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self.outcomes.items()))
        return (
            f"{self.outcomes.total()} files: {counts}, {len(self.failures)} failures; "
            f"slowest {self.slowest:.2f} s (seed {self.slowest_seed}), peak memory {self.peak / 1e6:.0f} MB"
        )


def fuzz(kind: str, first: int, count: int) -> Report:
    """Open `count` files in separate processes.

    Args:
        kind: Key of `KINDS`.
        first: First seed.
        count: Number of files.
    """
    report = Report()
    seed, last = first, first + count
    while seed < last:
        seed = _run_process(KINDS[kind], range(seed, min(seed + _SEEDS_PER_PROCESS, last)), report)
    max_memory = getattr(importlib.import_module(KINDS[kind]), "MAX_MEMORY", None)
    if max_memory is not None and report.peak > max_memory:
        report.failures.append(f"peak memory is over {max_memory / 1e6:.0f} MB")
    return report


def _run_process(module: str, seeds: range, report: Report) -> int:
    """Open the files of these seeds in one process; return the next seed."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_open_all, args=(module, seeds, sender))
    process.start()
    sender.close()
    try:
        for seed in seeds:
            try:
                if not receiver.poll(_HANG_SECONDS):
                    raise TimeoutError
                outcome, seconds, peak = receiver.recv()
            except (EOFError, TimeoutError) as error:
                if isinstance(error, TimeoutError):
                    process.kill()
                process.join()
                if process.exitcode == 1:
                    raise RuntimeError(f"seed {seed}: the file could not be created") from error
                reason = "hung" if isinstance(error, TimeoutError) else f"ended the process ({process.exitcode})"
                report.outcomes["died"] += 1
                report.failures.append(f"seed {seed} {reason}")
                return seed + 1
            _add_to_report(report, seed, outcome, seconds, peak)
    finally:
        process.join()
    return seeds.stop


def _add_to_report(report: Report, seed: int, outcome: str, seconds: float, peak: int) -> None:
    report.outcomes[outcome if outcome in ("read", "refused") else "crashed"] += 1
    report.peak = max(report.peak, peak)
    if seconds > report.slowest:
        report.slowest, report.slowest_seed = seconds, seed
    if seconds > MAX_SECONDS:
        report.failures.append(f"seed {seed} took {seconds:.1f} s")
    if outcome not in ("read", "refused"):
        report.failures.append(f"seed {seed} raised {outcome}")


def _open_all(module: str, seeds: range, connection: Connection) -> None:
    kind = importlib.import_module(module)
    with TemporaryDirectory() as folder:
        for seed in seeds:
            path = Path(folder) / f"file{kind.suffix(seed)}"
            path.write_bytes(kind.damaged_file(seed))
            started = time.process_time()
            outcome = "read"
            try:
                kind.open_file(path)
            except EngineError:
                outcome = "refused"
            except Exception as error:  # noqa: BLE001 - any other exception is a failure
                outcome = repr(error)
            connection.send((outcome, time.process_time() - started, _peak()))
            path.unlink()


def _peak() -> int:
    """Return the peak memory of this process in bytes; on Linux the value of `resource` includes its parent's."""
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    """Run the fuzz test from the command line; return 1 if there are failures."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    arguments = parser.parse_args()
    report = fuzz(arguments.kind, arguments.seed, arguments.count)
    print("\n".join([*report.failures, str(report)]))  # noqa: T201
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
