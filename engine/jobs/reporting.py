"""Write the report and the training curves of a run."""

from pathlib import Path

from engine.core.errors import EngineError
from engine.jobs.base import EventStream, load_torch, translate_device_errors
from engine.jobs.dataset import check
from engine.runs.image_folder import current_dataset
from engine.runs.run_folder import Run


def report(run: Run, path: Path) -> EventStream[Path]:
    """Write all results of a run into one self-contained HTML file and return its path.

    Missing results, such as the learning curve, are computed first and saved in the run folder.
    """
    yield from load_torch()
    from engine.ml.report.report import write_report

    try:
        dataset = current_dataset(run)
    except EngineError:  # the report says so
        dataset, audit = run.dataset, None
    else:
        audit = yield from check(dataset)
    return (yield from translate_device_errors(write_report(run, path, dataset, audit)))


def draw_history(run: Run, path: Path) -> EventStream[None]:
    """Plot loss and accuracy over the epochs of a run into a PNG file."""
    from engine.ml.report.history_plot import draw_history as draw

    yield from ()
    draw(run.history, path)
