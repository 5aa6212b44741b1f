"""Sort image files by predicted class, and undo it."""

from pathlib import Path

from engine.jobs.base import EventStream, load_torch, translate_device_errors
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.model_metadata import read_metadata
from engine.sorting.file_transfer import TransferMode
from engine.sorting.sorter import Sorter, SortResult, files_to_sort, sort_predictions
from engine.sorting.undo import UndoResult, undo


def sort(
    model: Path, folder: Path, target: Path, mode: TransferMode, max_error: float | None = DEFAULT_MAX_ERROR
) -> EventStream[SortResult]:
    """Copy, move or link the images below `folder` into one folder per predicted class in `target`.

    Images whose prediction is unsure or out-of-distribution go to a folder `review`, which gets another name if a class
    is called so. If the job is stopped or killed, the
    images sorted so far stay sorted, and `undo_sort` can restore them.
    """
    yield from load_torch()
    from engine.ml.evaluation.predict import predict_paths

    files = files_to_sort(folder, target)
    predictions = translate_device_errors(predict_paths(model, files, num_top=1, max_error=max_error))
    sorter = Sorter(folder, target, mode, read_metadata(model).classes)
    return (yield from sort_predictions(files, sorter, predictions))


def undo_sort(path: Path) -> EventStream[UndoResult]:
    """Undo what `sort` did; `path` is the sorted folder or the undo file in it."""
    return (yield from undo(path))
