"""Subcommands that ask how far a model can be trusted."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.cli.console import Console
from engine.cli.output import DONE, Flag, print_evaluation, print_event, print_line
from engine.results.comparison import compare as compare_evaluations
from engine.results.evaluation import read_evaluation
from engine.runs.run_folder import Run


def measure_test(run: Annotated[Positional[Path], arg(metavar="RUN")], /, json: Flag = False) -> int:
    """Measure the model of a run on the images in test/, once: asked again, the first result is given again.

    Args:
        run: The run folder.
        json: Print one JSON object with all figures.
    """
    console = Console()
    print_evaluation(console.run(jobs.test(Run(run)), print_event(console)), json)
    return DONE


def report(run: Annotated[Positional[Path], arg(metavar="RUN")], /, out: Path) -> int:
    """Write all that is known of a run into one page, with its figures, that is read without the program.

    Args:
        run: The run folder.
        out: HTML file to write, such as report.html.
    """
    print_line(f"The report is in {Console().run(jobs.report(Run(run), out))}")
    return DONE


def compare(
    first: Annotated[Positional[Path], arg(metavar="RUN")], second: Annotated[Positional[Path], arg(metavar="RUN")], /
) -> int:
    """Say whether one of two runs is really better, on the validation images that both were measured on.

    Args:
        first: A run folder.
        second: Another run folder.
    """
    found = compare_evaluations(read_evaluation(Run(first).results_path), read_evaluation(Run(second).results_path))
    print_line(found.sentence(first.name, second.name))
    return DONE
