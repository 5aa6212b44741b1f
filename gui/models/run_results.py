"""Results of a run, prepared for the window so that showing them needs no reading, sorting or counting."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.errors import EngineError
from engine.results.calibration import ReliabilityBin, reliability_bins
from engine.results.evaluation import Evaluation, ImageResult, read_evaluation
from engine.runs.run_folder import Run

_NUM_BINS = 10

Cell = tuple[str, str]
"""Actual and predicted class."""


@dataclass(frozen=True, eq=False)
class RunResults:
    """The evaluation of a run on its validation images."""

    run: Run
    evaluation: Evaluation
    counts: npt.NDArray[np.int64]
    """Confusion matrix, shape (K, K): rows are actual classes."""
    misclassified: Sequence[ImageResult]
    """Most confident first."""
    images_of_cell: Mapping[Cell, Sequence[ImageResult]]
    """The images of each cell of the confusion matrix that has any, most confident first."""
    bins: Sequence[ReliabilityBin]
    """The reliability diagram."""


def read_run_results(run: Run) -> Generator[None, None, RunResults | EngineError | None]:
    """Read the results of a run; return the error if they are damaged, and None if there are none yet."""
    yield from ()
    if not run.results_path.is_file():
        return None
    try:
        evaluation = read_evaluation(run.results_path)
    except EngineError as error:  # shown on the page, since the user did not start this job
        return error
    return prepare_results(run, evaluation)


def prepare_results(run: Run, evaluation: Evaluation) -> RunResults:
    """Sort and count the images of an evaluation."""
    cells: dict[Cell, list[ImageResult]] = {}
    for image in sorted(evaluation.images, key=lambda image: -image.confidence):
        cells.setdefault((image.label, image.predicted), []).append(image)
    return RunResults(
        run,
        evaluation,
        np.array(evaluation.confusion, np.int64),
        evaluation.misclassified,
        cells,
        reliability_bins(evaluation.confidences, evaluation.is_right, _NUM_BINS),
    )
