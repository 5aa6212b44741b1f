"""Take a model away: export it, sort files by it, serve it to other programs."""

import json
from pathlib import Path

from engine.exports import Certificate, ExportOptions
from engine.jobs.base import Work, heavy


def export(model: Path, path: Path, options: ExportOptions, data: Path | None = None) -> Work[Certificate]:
    """Write a model to `path` for other programs, and prove it; return the certificate.

    The proof is made with validation images of the folder `data`, else of the run around the model. Raises EngineError
    where the file does not answer as the program does; it stays, marked by its name, with its certificate.
    """
    from engine.ml.export import export_model

    return (yield from heavy(export_model(model, path, options, data)))


def run_export(folder: Path) -> None:
    """Do what `engine.ml.certify` asks of a process of its own; see `engine.ml.run_export.run_request`."""
    from engine.ml.run_export import REQUEST, run_request

    if json.loads((folder / REQUEST).read_text("utf-8"))["format"] == "onnx":
        from engine.ml.run_onnx import open_onnx as open_file
    else:
        from engine.ml.run_pt2 import open_pt2 as open_file
    run_request(folder, open_file)
