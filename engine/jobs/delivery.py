"""Take a model away: export it, sort files by it, serve it to other programs."""

from pathlib import Path

from engine.exports import Certificate, ExportOptions
from engine.jobs.base import Work, heavy


def export(model: Path, path: Path, options: ExportOptions, data: Path | None = None) -> Work[Certificate]:
    """Write a model to `path` for other programs, and prove it; return the certificate.

    The proof is made with validation images of the run folder around the model, or of the folder `data`. Raises
    EngineError where the file does not answer as the program does; it stays, marked by its name, with its certificate.
    """
    from engine.ml.export import export_model

    return (yield from heavy(export_model(model, path, options, data)))
