"""Export a model to a file for other programs and verify that its predictions are the same."""

import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.core.atomic_write import saving, write_atomic
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.path_text import require_utf8_path
from engine.ml.export.quantize import write_int8
from engine.ml.export.script import script_path, write_script
from engine.ml.export.verification import Artifact, verify_export
from engine.ml.export.verification_set import VerificationSet, choose_verification_set, compute_reference_outputs
from engine.ml.export.write_files import write_in_subprocess
from engine.ml.models.build import Classifier
from engine.ml.models.model_file import load_model
from engine.results.export_verification import (
    MAX_ACCURACY_LOSS,
    TOLERANCE,
    ExportOptions,
    ExportVerification,
    failed_path,
    verification_path,
    write_verification,
)
from engine.results.model_metadata import ModelMetadata

MAX_VERIFICATION_IMAGES = 200
"""Maximum number of images for verifying a float file, whose outputs must equal the program's."""
MAX_VERIFICATION_IMAGES_INT8 = 1000
"""Maximum number of images for verifying an int8 file, whose accuracy is measured."""


@dataclass(frozen=True)
class _Export:
    model_path: Path
    model: Classifier
    metadata: ModelMetadata
    path: Path
    """Final path of the exported file."""


def export_model(
    model_path: Path, path: Path, options: ExportOptions, data: Path | None
) -> Generator[Event, None, ExportVerification]:
    """Export a model to `path` and verify the file; see `engine.jobs.export`."""
    _check(path, options)
    export = _Export(model_path, *load_model(model_path), path)
    with saving("The file", path), choose_verification_set(model_path, data) as verification_set:
        if options.int8 and verification_set.kind != "validation":
            raise EngineError("An int8 export needs photos for calibration. Name a folder of images with --data.")
        with TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
            artifact = Artifact(
                Path(folder) / f"model.{options.format}",
                options,
                script=Path(folder) / "predict.py" if options.format == "onnx" else None,
                floats=Path(folder) / "floats.onnx" if options.int8 else None,
            )
            notes, verification_set = yield from _write(export, artifact, verification_set)
            return (yield from _verify(export, artifact, verification_set, notes))


def _check(path: Path, options: ExportOptions) -> None:
    if options.int8 and options.format != "onnx":
        raise EngineError("8-bit integers are written to ONNX files only. Choose onnx.")
    if path.suffix.lower() != f".{options.format}":
        raise EngineError(f"The name of the file must end in .{options.format}.", path)
    require_utf8_path(path.parent)
    if not path.parent.is_dir():
        raise EngineError("The folder to write to does not exist. Choose another, or create it first.", path.parent)


def _write(
    export: _Export, artifact: Artifact, verification_set: VerificationSet
) -> Generator[Event, None, tuple[tuple[str, ...], VerificationSet]]:
    """Write the file; return notes about it and the images that remain for verification."""
    metadata, options = export.metadata, artifact.options
    yield from write_in_subprocess(export.model_path, options, artifact.floats or artifact.path)
    if artifact.floats is None:
        return _notes(metadata), verification_set
    note, verification_set = yield from write_int8(artifact.floats, metadata, options, verification_set, artifact.path)
    return (*_notes(metadata), note), verification_set


def _notes(metadata: ModelMetadata) -> tuple[str, ...]:
    if metadata.precision == "float32":
        return ()
    return (
        f"Classifold predicts in {metadata.precision} on devices that support it; this file and its verification use "
        "float32.",
    )


def _verify(
    export: _Export, artifact: Artifact, verification_set: VerificationSet, notes: tuple[str, ...]
) -> Generator[Event, None, ExportVerification]:
    """Verify the file and move it to its path, or to another name if it failed."""
    path, options = export.path, artifact.options
    max_images = MAX_VERIFICATION_IMAGES_INT8 if options.int8 else MAX_VERIFICATION_IMAGES
    reference = yield from compute_reference_outputs(verification_set, export.model, export.metadata, max_images)
    if artifact.script is not None:
        write_script(artifact.script, artifact.path.name)
    record = yield from verify_export(artifact, reference, export.metadata, path.name)
    if not record.passed:
        path = failed_path(path)
    record = record.model_copy(update={"file": path.name, "notes": notes})
    verification_path(path).unlink(missing_ok=True)  # the record of an older file must not remain beside the new file
    write_atomic(path, lambda temporary: os.replace(artifact.path, temporary))
    write_verification(record, path.parent)
    if not record.passed:
        raise EngineError(_failure_sentence(record), path)
    if options.format == "onnx":
        write_script(script_path(path), path.name)
    return record


def _failure_sentence(record: ExportVerification) -> str:
    if record.int8:
        loss = f"With 8-bit integers the model loses more than {MAX_ACCURACY_LOSS:.0%} of accuracy."
        return f"{loss} {record.sentence()} Export it as floats."
    script = ""
    if record.script_num_equal != record.script_num_images:
        script = f"predict.py predicts the class of the file for {record.script_num_equal} of them. "
    return (
        f"The predictions of the exported file differ from Classifold's by more than {TOLERANCE}. "
        f"{record.sentence()} {script}Do not use it."
    )
