"""Write models for other programs, and prove that they answer the same."""

from collections.abc import Generator
from pathlib import Path

from engine.events import Event
from engine.exports import Certificate, ExportOptions


def export_model(
    model_path: Path, path: Path, options: ExportOptions, data: Path | None
) -> Generator[Event, None, Certificate]:
    """Write the model in a file to `path` and certify it; see `engine.jobs.export`."""
    yield from ()
    raise NotImplementedError
