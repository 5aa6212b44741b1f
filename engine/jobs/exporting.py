"""Export a model to other file formats and verify the exported file."""

import json
from pathlib import Path

from engine.jobs.base import EventStream, load_torch, translate_device_errors
from engine.results.export_verification import ExportOptions, ExportVerification


def export(
    model: Path, path: Path, options: ExportOptions, data: Path | None = None
) -> EventStream[ExportVerification]:
    """Export a model to `path`, verify the file and return the verification record.

    Args:
        model: The model file.
        path: The file to write.
        options: Format and number type.
        data: Folder of images to verify with; None: the validation images of the run that contains the model.

    Raises:
        EngineError: The predictions of the exported file differ from the program's. The file is then saved under a
            name that shows the failure, with its verification record.
    """
    yield from load_torch()
    from engine.ml.export.export import export_model

    return (yield from translate_device_errors(export_model(model, path, options, data)))


def run_export(folder: Path) -> None:
    """Run one step of an export in a separate process, as requested by the file in `folder`; see `engine.ml.export`."""
    from engine.ml.export.verification_process import REQUEST, run_request

    request = json.loads((folder / REQUEST).read_text("utf-8"))
    if request["task"] == "write":
        from engine.ml.export.write_files import write_requested

        write_requested(request)
        return
    if request["format"] == "onnx":
        from engine.ml.export.onnx_session import open_onnx as open_file
    else:
        from engine.ml.export.pt2_session import open_pt2 as open_file
    run_request(folder, open_file)
