"""Run an exported file in a process of its own and hold its answers against the program's."""

import hashlib
import json
import logging
import subprocess
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from engine.card import ModelCard
from engine.child import start_own
from engine.errors import EngineError
from engine.events import Event
from engine.exports import MOST_ACCURACY_LOST, RUN_EXPORT, TOLERANCE, Certificate, ExportOptions
from engine.ml.proof import Proof
from engine.ml.run_export import ANSWERS, INPUTS, REPORT, REQUEST
from engine.ml.transforms import Preprocessing, normalise
from engine.progress import Ticker

_SECONDS_BETWEEN = 0.1

logger = logging.getLogger(__name__)


def certify(
    path: Path, proof: Proof, card: ModelCard, options: ExportOptions, script: Path | None, name: str
) -> Generator[Event, None, Certificate]:
    """Run the file at `path`, and the script that reads images for it; return what that says of the file `name`.

    Raises EngineError where the file cannot be run.
    """
    with TemporaryDirectory(prefix="classifold-") as folder:
        _write_request(Path(folder), path, proof, card, options, script)
        yield from _run(Path(folder))
        probabilities = np.load(Path(folder) / ANSWERS, allow_pickle=False)
        report = json.loads((Path(folder) / REPORT).read_text("utf-8"))
    answers, expected = probabilities.argmax(1), proof.probabilities.argmax(1)
    from_files = report["labels"]
    script_num_equal = None
    if from_files is not None:
        script_num_equal = sum(card.classes[label] == other for label, other in zip(answers, from_files))
    has_truth = proof.kind == "validation"
    certificate = Certificate(
        file=name,
        sha256=_sha256(path),
        num_bytes=path.stat().st_size,
        format=options.format,
        int8=options.int8,
        runtime=report["runtime"],
        images=proof.kind,
        num_images=len(answers),
        num_equal=int((answers == expected).sum()),
        max_difference=float(np.abs(probabilities - proof.probabilities).max()),
        script_num_equal=script_num_equal,
        accuracy=_share(answers == proof.labels) if has_truth else None,
        model_accuracy=_share(expected == proof.labels) if has_truth else None,
        is_kept=False,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return certificate.model_copy(update={"is_kept": _is_kept(certificate)})


def _is_kept(certificate: Certificate) -> bool:
    if certificate.script_num_equal not in (None, certificate.num_images):
        return False
    if certificate.int8:
        assert certificate.accuracy is not None
        assert certificate.model_accuracy is not None
        return certificate.model_accuracy - certificate.accuracy <= MOST_ACCURACY_LOST
    return certificate.num_equal == certificate.num_images and certificate.max_difference <= TOLERANCE


def _write_request(
    folder: Path, path: Path, proof: Proof, card: ModelCard, options: ExportOptions, script: Path | None
) -> None:
    images = proof.images if options.normalises else normalise(proof.images, Preprocessing.of(card))
    np.save(folder / INPUTS, images.numpy())
    request = {
        "format": options.format,
        "file": str(path.absolute()),
        "script": str(script.absolute()) if script else None,
        "images": [str(image.absolute()) for image in proof.paths],
    }
    (folder / REQUEST).write_text(json.dumps(request), "utf-8")


def _run(folder: Path) -> Generator[Event, None, None]:
    ticker = Ticker("prove", total=0)
    with open(folder / "stderr", "wb+") as errors:
        process = start_own(RUN_EXPORT, str(folder), errors=errors)
        try:
            while True:
                try:
                    code = process.wait(_SECONDS_BETWEEN)
                    break
                except subprocess.TimeoutExpired:
                    yield from ticker.at(0)
        finally:
            process.kill()
            process.wait()
        if code != 0:
            errors.seek(0)
            logger.error("The exported file did not run:\n%s", errors.read().decode(errors="replace")[-10_000:])
            raise EngineError("The exported file was written but does not run. The log tells more.")


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _share(is_right: npt.NDArray[np.bool_]) -> float:
    return float(is_right.mean())
