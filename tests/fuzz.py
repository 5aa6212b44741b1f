"""Open damaged files of one kind by the thousand: `python -m tests.fuzz images --count 10000 --seed 0`.

A kind is a module with three functions. `mutated(seed)` returns the bytes of a damaged file, always the same for a
seed, `suffix(seed)` how its name ends, and `open(path)` reads it as the program would, raising EngineError where it is
refused. Any other exception, the death of the process and more than a few seconds of work are failures. MEMORY_BOUND,
where the module has it, is the most memory in bytes that the process may have taken at its peak.
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
MOST_SECONDS = 5.0
_SECONDS_TO_DEATH = 30
_SEEDS_PER_PROCESS = 500


@dataclass
class Report:
    """What came of the files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """One line for each file that did what none may do."""
    slowest: float = 0.0
    """Seconds of the processor that the slowest file took, so that a busy machine changes nothing."""
    slowest_seed: int = 0
    peak: int = 0
    """Bytes of memory of the largest process."""

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self.outcomes.items()))
        return (
            f"{self.outcomes.total()} files: {counts}, {len(self.failures)} failures; "
            f"slowest {self.slowest:.2f} s (seed {self.slowest_seed}), peak memory {self.peak / 1e6:.0f} MB"
        )


def fuzz(kind: str, first: int, count: int) -> Report:
    """Open the files of the seeds from `first` on, in processes of their own, and return what came of it."""
    report = Report()
    seed, last = first, first + count
    while seed < last:
        seed = _run_process(KINDS[kind], range(seed, min(seed + _SEEDS_PER_PROCESS, last)), report)
    bound = getattr(importlib.import_module(KINDS[kind]), "MEMORY_BOUND", None)
    if bound is not None and report.peak > bound:
        report.failures.append(f"peak memory is over {bound / 1e6:.0f} MB")
    return report


def _run_process(module: str, seeds: range, report: Report) -> int:
    """Open the files of these seeds in one process; return the seed to go on with."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_open_all, args=(module, seeds, theirs))
    process.start()
    theirs.close()
    try:
        for seed in seeds:
            try:
                if not ours.poll(_SECONDS_TO_DEATH):
                    raise TimeoutError
                outcome, seconds, peak = ours.recv()
            except (EOFError, TimeoutError) as error:
                if isinstance(error, TimeoutError):
                    process.kill()
                process.join()
                if process.exitcode == 1:
                    raise RuntimeError(f"seed {seed}: the file could not even be made") from error
                words = "hung" if isinstance(error, TimeoutError) else f"ended the process ({process.exitcode})"
                report.outcomes["died"] += 1
                report.failures.append(f"seed {seed} {words}")
                return seed + 1
            _note(report, seed, outcome, seconds, peak)
    finally:
        process.join()
    return seeds.stop


def _note(report: Report, seed: int, outcome: str, seconds: float, peak: int) -> None:
    report.outcomes[outcome if outcome in ("read", "refused") else "crashed"] += 1
    report.peak = max(report.peak, peak)
    if seconds > report.slowest:
        report.slowest, report.slowest_seed = seconds, seed
    if seconds > MOST_SECONDS:
        report.failures.append(f"seed {seed} took {seconds:.1f} s")
    if outcome not in ("read", "refused"):
        report.failures.append(f"seed {seed} raised {outcome}")


def _open_all(module: str, seeds: range, connection: Connection) -> None:
    kind = importlib.import_module(module)
    with TemporaryDirectory() as folder:
        for seed in seeds:
            path = Path(folder) / f"file{kind.suffix(seed)}"
            path.write_bytes(kind.mutated(seed))
            started = time.process_time()
            outcome = "read"
            try:
                kind.open(path)
            except EngineError:
                outcome = "refused"
            except Exception as error:  # noqa: BLE001 - what is looked for
                outcome = repr(error)
            connection.send((outcome, time.process_time() - started, _peak()))
            path.unlink()


def _peak() -> int:
    """Return the most memory in bytes that this process had; what `resource` says includes its parent's on Linux."""
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    """Open files as the command line says; return 1 where any failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    arguments = parser.parse_args()
    report = fuzz(arguments.kind, arguments.seed, arguments.count)
    print("\n".join([*report.failures, str(report)]))  # noqa: T201
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
