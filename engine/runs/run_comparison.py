"""Comparison of two runs by the results that their folders hold."""

from engine.core.time_stamps import day_of
from engine.results.comparison import compare
from engine.results.evaluation import read_evaluation
from engine.runs.run_folder import Run


def compare_runs(first: Run, second: Run) -> str:
    """Return a sentence about which run is better on their common images, and when these were evaluated.

    Raises:
        EngineError: A run has no results.
    """
    evaluations = [read_evaluation(run.results_path) for run in (first, second)]
    days = [day_of(each.evaluated, run.results_path) for each, run in zip(evaluations, (first, second))]
    sentence = compare(*evaluations).sentence(first.name, second.name)
    return f"{sentence} Evaluated on {' and '.join(dict.fromkeys(days))}."
