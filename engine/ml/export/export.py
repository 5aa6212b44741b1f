"""Write models for other programs, and prove that they answer the same."""

import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.core.atomic_write import saving, write_atomic
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.path_text import require_utf8_path
from engine.ml.export.quantize import to_integers
from engine.ml.export.script import script_path, write_script
from engine.ml.export.verification import Artifact, verify_export
from engine.ml.export.verification_set import VerificationSet, choose_verification_set, compute_reference_outputs
from engine.ml.export.write_files import write_apart
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

NUM_PROVED = 200
"""Images at most that a file of floats has to answer as the program does."""
NUM_PROVED_INT8 = 1000
"""The same for a file of integers, whose accuracy is measured."""


@dataclass(frozen=True)
class _Export:
    model_path: Path
    model: Classifier
    card: ModelMetadata
    path: Path
    """Where the file shall lie in the end."""


def export_model(
    model_path: Path, path: Path, options: ExportOptions, data: Path | None
) -> Generator[Event, None, ExportVerification]:
    """Write the model in a file to `path` and certify it; see `engine.jobs.export`."""
    _check(path, options)
    export = _Export(model_path, *load_model(model_path), path)
    with saving("The file", path), choose_verification_set(model_path, data) as found:
        if options.int8 and found.kind != "validation":
            raise EngineError("Integers of 8 bits are chosen and proved on photos. Name their folder by --data.")
        with TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
            candidate = Artifact(
                Path(folder) / f"model.{options.format}",
                options,
                script=Path(folder) / "predict.py" if options.format == "onnx" else None,
                floats=Path(folder) / "floats.onnx" if options.int8 else None,
            )
            notes, found = yield from _write(export, candidate, found)
            return (yield from _prove(export, candidate, found, notes))


def _check(path: Path, options: ExportOptions) -> None:
    if options.int8 and options.format != "onnx":
        raise EngineError("Integers of 8 bits are written to ONNX files only. Choose onnx.")
    if path.suffix.lower() != f".{options.format}":
        raise EngineError(f"The name of the file must end in .{options.format}.", path)
    require_utf8_path(path.parent)
    if not path.parent.is_dir():
        raise EngineError("The folder to write to does not exist. Choose another, or make it first.", path.parent)


def _write(
    export: _Export, candidate: Artifact, found: VerificationSet
) -> Generator[Event, None, tuple[tuple[str, ...], VerificationSet]]:
    """Write the file; return what is to be said of it and the images that are left to prove it with."""
    card, options = export.card, candidate.options
    yield from write_apart(export.model_path, options, candidate.floats or candidate.path)
    if candidate.floats is None:
        return _notes(card), found
    note, found = yield from to_integers(candidate.floats, card, options, found, candidate.path)
    return (*_notes(card), note), found


def _notes(card: ModelMetadata) -> tuple[str, ...]:
    if card.precision == "float32":
        return ()
    return (
        f"Classifold answers in {card.precision} where the device does so natively; this file and its proof do not.",
    )


def _prove(
    export: _Export, candidate: Artifact, found: VerificationSet, notes: tuple[str, ...]
) -> Generator[Event, None, ExportVerification]:
    """Certify the file and put it in its place, or beside it under another name where it does not hold."""
    path, options = export.path, candidate.options
    proof = yield from compute_reference_outputs(
        found, export.model, export.card, NUM_PROVED_INT8 if options.int8 else NUM_PROVED
    )
    if candidate.script is not None:
        write_script(candidate.script, candidate.path.name)
    certificate = yield from verify_export(candidate, proof, export.card, path.name)
    if not certificate.passed:
        path = failed_path(path)
    certificate = certificate.model_copy(update={"file": path.name, "notes": notes})
    verification_path(path).unlink(missing_ok=True)  # that of a file before must not stand beside this one
    write_atomic(path, lambda temporary: os.replace(candidate.path, temporary))
    write_verification(certificate, path.parent)
    if not certificate.passed:
        raise EngineError(_disagreement(certificate), path)
    if options.format == "onnx":
        write_script(script_path(path), path.name)
    return certificate


def _disagreement(certificate: ExportVerification) -> str:
    if certificate.int8:
        what = f"As 8-bit integers the model loses more than {MAX_ACCURACY_LOSS:.0%} of accuracy."
        return f"{what} {certificate.sentence()} Export it as floats."
    script = ""
    if certificate.script_num_equal != certificate.script_num_images:
        script = f"predict.py gave the class of the file for {certificate.script_num_equal} of them. "
    return (
        f"The exported file does not answer as Classifold does, which may differ by {TOLERANCE} at most. "
        f"{certificate.sentence()} {script}Do not use it."
    )
