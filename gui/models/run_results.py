"""Results of a run, prepared for the window so that showing them needs no reading, sorting or counting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.core.time_stamps import day_of
from engine.results.calibration import ReliabilityBin, reliability_bins
from engine.results.evaluation import Evaluation, ImageResult, read_evaluation
from engine.results.headline import Headline, evaluation_headline
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
    headline: Headline
    """The accuracy with everything that it hides."""
    day: str = ""
    """Date of the evaluation, such as 2026-11-27."""


def read_run_results(run: Run) -> RunResults | None:
    """Read the results of a run; None if there are none yet. Raises EngineError if they are damaged."""
    if not run.results_path.is_file():
        return None
    evaluation = read_evaluation(run.results_path)
    return replace(prepare_results(run, evaluation), day=day_of(evaluation.evaluated, run.results_path))


@dataclass(frozen=True, slots=True)
class FinalTestStatus:
    """Number of test images of a run, and the accuracy on them if they were evaluated, and when."""

    num_images: int
    headline: Headline | None = None
    day: str = ""
    num_left_out: int = 0
    """Number of test images that are copies of images that the model learnt from."""


def read_test_status(run: Run) -> FinalTestStatus | None:
    """Read whether a run was tested; None if it has no model. Raises EngineError if its files are damaged."""
    if not run.model_path.is_file():
        return None
    if run.test_path.is_file():
        evaluation = read_evaluation(run.test_path)
        day = day_of(evaluation.evaluated, run.test_path)
        headline = evaluation_headline(evaluation)
        return FinalTestStatus(len(evaluation.images), headline, day, evaluation.num_left_out)
    return FinalTestStatus(len(run.dataset.of_split("test")))


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
        evaluation_headline(evaluation),
    )
