"""Write models for other programs, and prove that they answer the same."""

from collections.abc import Generator
from pathlib import Path

from engine.events import Event
from engine.exports import Certificate, ExportOptions


def export_model(
    model_path: Path,  # noqa: ARG001
    path: Path,  # noqa: ARG001
    options: ExportOptions,  # noqa: ARG001
    data: Path | None,  # noqa: ARG001
) -> Generator[Event, None, Certificate]:
    """Write the model in a file to `path` and certify it; see `engine.jobs.export`."""
    yield from ()
    raise NotImplementedError
