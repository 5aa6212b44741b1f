"""Run contenders one after another, several times over, and say how they compare."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.contenders.task import Task

Told = list[dict[str, float]]


def run(contender: str, task: Task, **environment: str) -> Told:
    """Run one contender in a process of its own and return what it told."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.contenders.{contender}", json.dumps(asdict(task))]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | environment)
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def interleaved(contenders: Sequence[str], tasks: Sequence[Task]) -> dict[str, list[Told]]:
    """Run each task by every contender in turn, so that a busy moment of the machine hits all alike."""
    told: dict[str, list[Told]] = {name: [] for name in contenders}
    for task in tasks:
        for name in contenders:
            told[name].append(run(name, task))
    return told


def speeds(runs: Sequence[Told]) -> list[float]:
    """Return the images per second of each run: the median of its passes but the first, which warms up."""
    found = []
    for told in runs:
        passes = [line["images_per_second"] for line in told if "images_per_second" in line]
        found.append(statistics.median(passes[1:] or passes))
    return found


def seconds_until(told: Told, accuracy: float) -> float | None:
    """Return when validation first reached the mark."""
    return next((line["seconds"] for line in told if line.get("accuracy", -1.0) >= accuracy - 1e-9), None)


def best(told: Told) -> float:
    """Return the best accuracy of a run."""
    return max(line["accuracy"] for line in told if "accuracy" in line)


def last_seconds(told: Told) -> float:
    """Return when the last accuracy came."""
    return max(line["seconds"] for line in told if "seconds" in line)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Return a median with the least and the most."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return how much larger ours are, pair by pair."""
    return spread([mine / other for mine, other in zip(ours, theirs)], 2)
