"""Run an exported file in a process of its own and hold its answers against the program's."""

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from engine.core.events import Event
from engine.core.path_text import path_from_text
from engine.core.process import run_program
from engine.core.progress import Ticker
from engine.ml.export.verification_process import ANSWERS, INPUTS, REPORT, REQUEST
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
    """A file that was written and has to prove itself."""

    path: Path
    options: ExportOptions
    script: Path | None
    """Reads image files and asks the file about them."""
    floats: Path | None = None
    """The same network as floats, to compare the speed with."""


def verify_export(
    candidate: Artifact, proof: ReferenceOutputs, card: ModelMetadata, name: str
) -> Generator[Event, None, ExportVerification]:
    """Run a file, and the script that reads images for it; return what that says of the file to be called `name`.

    Raises EngineError where the file cannot be run.
    """
    with TemporaryDirectory(prefix="classifold-") as folder:
        _write_request(Path(folder), candidate, proof, card)
        failure = "The exported file was written but does not run."
        yield from run_program(RUN_EXPORT, folder, ticker=Ticker("verify", total=0), failure=failure)
        probabilities = np.load(Path(folder) / ANSWERS, allow_pickle=False)
        report = json.loads((Path(folder) / REPORT).read_text("utf-8"))
    path, options = candidate.path, candidate.options
    answers, expected = probabilities.argmax(1), proof.probabilities.argmax(1)
    script = _compare_script(report["labels"], probabilities, card.classes)
    has_truth = proof.kind == "validation"
    certificate = ExportVerification(
        file=name,
        sha256=_sha256(path),
        num_bytes=path.stat().st_size,
        format=options.format,
        int8=options.int8,
        runtime=report["runtime"],
        images=proof.kind,
        num_images=len(answers),
        num_equal=int((answers == expected).sum()),
        # What is no number differs by all there is
        max_difference=float(np.nan_to_num(np.abs(probabilities - proof.probabilities), nan=1.0).max()),
        script_num_images=script.num_images if script else None,
        script_num_equal=script.num_equal if script else None,
        speedup=report["speedup"],
        accuracy=_share(answers == proof.labels) if has_truth else None,
        model_accuracy=_share(expected == proof.labels) if has_truth else None,
        passed=False,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    # Integers near a tie answer otherwise where pixels differ by a level, as those of the script may
    passed = _holds(certificate) and (script is None or options.int8 or script.is_right)
    return certificate.model_copy(update={"passed": passed})


@dataclass(frozen=True)
class _ScriptAnswers:
    num_images: int
    num_equal: int
    is_right: bool
    """Whether it differs from the file only where two classes are as good as alike."""


def _compare_script(
    labels: list[str | None] | None, probabilities: npt.NDArray[np.float32], classes: tuple[str, ...]
) -> _ScriptAnswers | None:
    """Hold the classes that the script gives, None for what it cannot read, against probabilities of shape (N, K)."""
    if labels is None:
        return None
    numbers = {name: number for number, name in enumerate(classes)}
    read = [(row, numbers[label]) for row, label in zip(probabilities, labels) if label is not None]
    num_equal = sum(int(row.argmax()) == number for row, number in read)
    is_right = all(row.max() - row[number] <= SCRIPT_TOLERANCE for row, number in read)
    return _ScriptAnswers(len(read), num_equal, is_right)


def _holds(certificate: ExportVerification) -> bool:
    if certificate.int8:
        assert certificate.accuracy is not None
        assert certificate.model_accuracy is not None
        return certificate.model_accuracy - certificate.accuracy <= MAX_ACCURACY_LOSS
    return certificate.num_equal == certificate.num_images and certificate.max_difference <= TOLERANCE


def _write_request(folder: Path, candidate: Artifact, proof: ReferenceOutputs, card: ModelMetadata) -> None:
    images = (
        proof.images if candidate.options.normalises else normalise(proof.images, Preprocessing.from_metadata(card))
    )
    np.save(folder / INPUTS, images.numpy())
    request = {
        "task": "run",
        "format": candidate.options.format,
        "file": str(candidate.path.absolute()),
        "floats": str(candidate.floats.absolute()) if candidate.floats else None,
        "script": str(candidate.script.absolute()) if candidate.script else None,
        "images": [str(path_from_text(image.absolute())) for image in proof.paths],
    }
    (folder / REQUEST).write_text(json.dumps(request), "utf-8")


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _share(is_right: npt.NDArray[np.bool_]) -> float:
    return float(is_right.mean())
