"""The flag --data of subcommands that work on a run whose images were moved."""

from pathlib import Path
from typing import Annotated, TypeAlias

from tyro.conf import arg

from engine import jobs
from engine.cli.console import Console
from engine.cli.output import print_event
from engine.runs.locate import locate_run
from engine.runs.run_folder import Run

MovedImages: TypeAlias = Annotated[
    Path | None,
    arg(metavar="DIR", help="Where the images of the run are now, if they were moved; the run folder stores it."),
]


def find_run(console: Console, path: Path, data: Path | None) -> Run:
    """Return the run that a path means; if its images are in `data` now, that is checked and stored first."""
    run = locate_run(path)
    return run if data is None else console.run(jobs.find_images(run, data), print_event(console))
