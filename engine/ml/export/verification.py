"""Verify an exported file: run it in a separate process and compare its outputs with the program's."""

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from engine.core.events import Event
from engine.core.path_text import path_from_text
from engine.core.process import run_program
from engine.core.progress import Ticker
from engine.core.time_stamps import now
from engine.ml.export.verification_process import INPUTS, OUTPUTS, REPORT, REQUEST
from engine.ml.export.verification_set import ReferenceOutputs
from engine.ml.models.preprocessing import Preprocessing, normalise
from engine.results.export_verification import (
    MAX_ACCURACY_LOSS,
    RUN_EXPORT,
    SCRIPT_TOLERANCE,
    TOLERANCE,
    ExportOptions,
    ExportVerification,
)
from engine.results.model_metadata import ModelMetadata


@dataclass(frozen=True)
class Artifact:
    """An exported file that is not verified yet."""

    path: Path
    options: ExportOptions
    script: Path | None
    """The script that classifies image files with the exported file."""
    floats: Path | None = None
    """The same network in floats, for comparing the speed."""


def verify_export(
    artifact: Artifact, reference: ReferenceOutputs, metadata: ModelMetadata, name: str
) -> Generator[Event, None, ExportVerification]:
    """Run an exported file and its script in a separate process and compare their outputs with the program's.

    Args:
        artifact: The exported file.
        reference: The inputs and the outputs of the program.
        metadata: The metadata of the model.
        name: Final name of the file, for the record.

    Returns:
        The verification record.

    Raises:
        EngineError: The file cannot be run.
    """
    with TemporaryDirectory(prefix="classifold-") as folder:
        _write_request(Path(folder), artifact, reference, metadata)
        failure = "The exported file was written but does not run."
        yield from run_program(RUN_EXPORT, folder, ticker=Ticker("verify", total=0), failure=failure)
        probabilities = np.load(Path(folder) / OUTPUTS, allow_pickle=False)
        report = json.loads((Path(folder) / REPORT).read_text("utf-8"))
    path, options = artifact.path, artifact.options
    predicted, expected = probabilities.argmax(1), reference.probabilities.argmax(1)
    script = _compare_script(report["labels"], probabilities, metadata.classes)
    has_labels = reference.kind == "validation"
    record = ExportVerification(
        file=name,
        sha256=_sha256(path),
        num_bytes=path.stat().st_size,
        format=options.format,
        int8=options.int8,
        runtime=report["runtime"],
        images=reference.kind,
        num_images=len(predicted),
        num_equal=int((predicted == expected).sum()),
        # NaN counts as the largest possible difference
        max_difference=float(np.nan_to_num(np.abs(probabilities - reference.probabilities), nan=1.0).max()),
        script_num_images=script.num_images if script else None,
        script_num_equal=script.num_equal if script else None,
        speedup=report["speedup"],
        accuracy=float((predicted == reference.labels).mean()) if has_labels else None,
        model_accuracy=float((expected == reference.labels).mean()) if has_labels else None,
        passed=False,
        created=now(),
    )
    # The pixels of the script may differ by one level, which changes int8 predictions near the decision boundary
    passed = _meets_limits(record) and (script is None or options.int8 or script.is_within_tolerance)
    return record.model_copy(update={"passed": passed})


@dataclass(frozen=True)
class _ScriptComparison:
    num_images: int
    num_equal: int
    is_within_tolerance: bool
    """True if the script differs from the file only where two classes have nearly the same probability."""


def _compare_script(
    labels: list[str | None] | None, probabilities: npt.NDArray[np.float32], classes: tuple[str, ...]
) -> _ScriptComparison | None:
    """Compare the classes from the script, None for unreadable images, with the probabilities, shape (N, K)."""
    if labels is None:
        return None
    indices = {name: index for index, name in enumerate(classes)}
    pairs = [(row, indices[label]) for row, label in zip(probabilities, labels) if label is not None]
    num_equal = sum(int(row.argmax()) == index for row, index in pairs)
    is_within_tolerance = all(row.max() - row[index] <= SCRIPT_TOLERANCE for row, index in pairs)
    return _ScriptComparison(len(pairs), num_equal, is_within_tolerance)


def _meets_limits(record: ExportVerification) -> bool:
    if record.int8:
        assert record.accuracy is not None
        assert record.model_accuracy is not None
        return record.model_accuracy - record.accuracy <= MAX_ACCURACY_LOSS
    return record.num_equal == record.num_images and record.max_difference <= TOLERANCE


def _write_request(folder: Path, artifact: Artifact, reference: ReferenceOutputs, metadata: ModelMetadata) -> None:
    images = reference.images
    if not artifact.options.normalises:
        images = normalise(images, Preprocessing.from_metadata(metadata))
    np.save(folder / INPUTS, images.numpy())
    request = {
        "task": "run",
        "format": artifact.options.format,
        "file": str(artifact.path.absolute()),
        "floats": str(artifact.floats.absolute()) if artifact.floats else None,
        "script": str(artifact.script.absolute()) if artifact.script else None,
        "images": [str(path_from_text(image.absolute())) for image in reference.paths],
    }
    (folder / REQUEST).write_text(json.dumps(request), "utf-8")


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
