"""Contenders run in separate processes, interleaved, and statistics of their outputs."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TypeAlias

from benchmarks.contenders.task import Task

Output: TypeAlias = list[dict[str, float]]
"""Measurements that a contender printed, one dictionary per line."""


def run_contender(contender: str, task: Task, **environment: str) -> Output:
    """Run a contender in a separate process and return its output.

    Args:
        contender: Name of a module in `benchmarks.contenders`.
        task: Task of the contender.
        environment: Additional environment variables.
    """
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.contenders.{contender}", json.dumps(asdict(task))]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | environment)
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def run_interleaved(contenders: Sequence[str], tasks: Sequence[Task]) -> dict[str, list[Output]]:
    """Run each task with every contender in turn, so that load of the machine affects all of them alike."""
    outputs: dict[str, list[Output]] = {name: [] for name in contenders}
    for task in tasks:
        for name in contenders:
            outputs[name].append(run_contender(name, task))
    return outputs


def speeds(outputs: Sequence[Output]) -> list[float]:
    """Return the images per second of each run: the median of its passes without the first one, which warms up."""
    medians = []
    for output in outputs:
        passes = [line["images_per_second"] for line in output if "images_per_second" in line]
        medians.append(statistics.median(passes[1:] or passes))
    return medians


def seconds_until(output: Output, accuracy: float) -> float | None:
    """Return the time of the first validation with at least this accuracy, or None."""
    return next((line["seconds"] for line in output if line.get("accuracy", -1.0) >= accuracy - 1e-9), None)


def best_accuracy(output: Output) -> float:
    """Return the best accuracy of a run."""
    return max(line["accuracy"] for line in output if "accuracy" in line)


def last_seconds(output: Output) -> float:
    """Return the time of the last validation."""
    return max(line["seconds"] for line in output if "seconds" in line)


def median_and_range(values: Sequence[float], digits: int = 1) -> str:
    """Return the median with minimum and maximum, such as `62.5 (60.2 to 63.1)`."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return median and range of the pairwise ratios of our values to theirs."""
    return median_and_range([mine / other for mine, other in zip(ours, theirs)], 2)
