"""Take a model away: export it, sort files by it, serve it to other programs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from engine.jobs.base import EventStream, translate_device_errors
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.export_verification import ExportOptions, ExportVerification
from engine.sorting.file_transfer import TransferMode
from engine.sorting.sorter import Sorted, Sorter, Undone, files_to_sort, sort_answers, undo

if TYPE_CHECKING:
    from engine.core.licences import Licence


def export(
    model: Path, path: Path, options: ExportOptions, data: Path | None = None
) -> EventStream[ExportVerification]:
    """Write a model to `path` for other programs, and prove it; return the certificate.

    The proof is made with validation images of the folder `data`, else of the run around the model. Raises EngineError
    where the file does not answer as the program does; it stays, marked by its name, with its certificate.
    """
    from engine.ml.export.export import export_model

    return (yield from translate_device_errors(export_model(model, path, options, data)))


def sort(
    model: Path, folder: Path, target: Path, by: TransferMode, max_error: float | None = DEFAULT_MAX_ERROR
) -> EventStream[Sorted]:
    """Copy, move or link the images below `folder` into a folder for each class in `target`; see `engine.sorting`.

    What the model is not sure of, and what is like nothing in training, goes to `review`. Stopped, or killed, what was
    sorted so far stays sorted and can be taken back by `undo_sort`.
    """
    from engine.ml.evaluation.predict import predict_paths

    files = files_to_sort(folder, target)
    answers = translate_device_errors(predict_paths(model, files, num_top=1, max_error=max_error))
    return (yield from sort_answers(files, Sorter(folder, target, by), answers))


def undo_sort(path: Path) -> EventStream[Undone]:
    """Take back what `sort` did, by its undo file or the folder that it lies in."""
    return (yield from undo(path))


def serve(
    model: Path, port: int, host: str = "127.0.0.1", max_error: float | None = DEFAULT_MAX_ERROR
) -> EventStream[None]:
    """Answer requests of other programs over HTTP until closed; port 0 is any that is free.

    Yields `Serving` once it listens, then several times a second how many images were classified.
    """
    from engine.ml.serving.app import Limits
    from engine.ml.serving.server import serve_model

    yield from translate_device_errors(serve_model(model, host, port, max_error, Limits()))


def all_licences() -> "list[Licence]":
    """Return the licences of all that the program consists of. What reads them is imported only here."""
    from engine.core.licences import all_licences as read_licences

    return read_licences()


def run_export(folder: Path) -> None:
    """Do what an export asks of a process of its own; see `engine.ml.export`."""
    from engine.ml.export.verification_process import REQUEST, run_request

    request = json.loads((folder / REQUEST).read_text("utf-8"))
    if request["task"] == "write":
        from engine.ml.export.write_files import write_asked

        write_asked(request)
        return
    if request["format"] == "onnx":
        from engine.ml.export.onnx_session import open_onnx as open_file
    else:
        from engine.ml.export.pt2_session import open_pt2 as open_file
    run_request(folder, open_file)
