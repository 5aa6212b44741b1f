"""Export options, and the verification record that compares an exported file with the model."""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import AliasChoices, ConfigDict, Field, ValidationError

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import FrozenModel
from engine.core.safe_read import read_text

ExportFormat: TypeAlias = Literal["onnx", "pt2"]

METADATA_KEY = "classifold"
"""Name of the metadata entry in an exported file that holds classes and preprocessing as JSON."""
RUN_EXPORT = "--run-export"
"""Command line flag that runs an export step in a separate process; the folder with the request follows."""
SCRIPT_TOLERANCE = 0.01
"""Largest probability difference of the two likeliest classes at which `predict.py` may predict the other one.

The script resizes images with other code, so its inputs differ slightly.
"""
TOLERANCE = 1e-3
"""Largest allowed difference of any probability for an export in float32."""
MAX_ACCURACY_LOSS = 0.02
"""Largest allowed loss of validation accuracy (0..1) for an export in int8."""


class ExportOptions(FrozenModel):
    """Options of an export."""

    format: ExportFormat = "onnx"
    int8: bool = False
    """Quantize to 8-bit integers, calibrated on training images; ONNX only."""
    normalises: bool = True
    """True: the input is uint8 RGB in 0..255, normalised inside the file. False: normalised float32."""


class ExportVerification(FrozenModel):
    """Differences between an exported file, run in a separate process, and the model.

    The record is stored in the same folder as the file, see `verification_path`.
    """

    model_config = ConfigDict(validate_by_name=True)

    file: str
    """Name of the exported file."""
    sha256: str
    num_bytes: int = Field(ge=0)
    format: ExportFormat
    int8: bool
    runtime: str
    """Name and version of the runtime, such as `onnxruntime 1.32.0`."""
    images: Literal["validation", "sample"]
    """Images of the verification set: validation images, or synthetic ones if there are none."""
    num_images: int = Field(ge=0)
    num_equal: int = Field(ge=0)
    """Number of images for which both predict the same class."""
    max_difference: float
    """Largest difference of a probability (0..1)."""
    script_num_images: int | None = None
    """Number of image files that `predict.py` was run on; None if the export has no script."""
    script_num_equal: int | None = None
    """Number of these for which `predict.py` predicted the same class as the exported file."""
    speedup: float | None = None
    """Speed relative to the same file in float32, with batch size 1 on this computer; None if not measured."""
    accuracy: float | None = None
    """Accuracy (0..1) of the exported file on the images."""
    model_accuracy: float | None = None
    """Accuracy (0..1) of the model on the images."""
    passed: bool = Field(validation_alias=AliasChoices("passed", "is_kept"))
    """True if classes and probabilities match, or for int8 if the loss of accuracy is within the limit."""
    notes: tuple[str, ...] = ()
    created: str

    def sentence(self) -> str:
        """Return the result of the comparison as one sentence."""
        if self.int8 and self.accuracy is not None and self.model_accuracy is not None:
            speed = f"; {self.speedup:.1f} times as fast as in floats" if self.speedup else ""
            return (
                f"Accuracy {self.accuracy:.1%} on {self.num_images} validation images, {self.model_accuracy:.1%} for "
                f"the model; {self.num_equal} predictions match{speed}."
            )
        kind = "validation images" if self.images == "validation" else "synthetic images"
        return (
            f"{self.num_equal} of {self.num_images} predictions on {kind} match; largest difference of a probability "
            f"{self.max_difference:.1e}."
        )


def verification_path(path: Path) -> Path:
    """Return the path of the verification record of an exported file."""
    return path.with_name(f"{path.name}.certificate.json")


def failed_path(path: Path) -> Path:
    """Return the path to which an exported file is renamed when its verification fails."""
    return path.with_name(f"{path.stem}.disagrees{path.suffix}")


def write_verification(verification: ExportVerification, folder: Path) -> None:
    """Write a verification record into the folder of its file; raises EngineError if it cannot be written."""
    path = verification_path(folder / verification.file)
    with saving("The verification record", path):
        write_text_atomic(path, verification.model_dump_json(indent=2))


def read_verification(path: Path) -> ExportVerification:
    """Read the verification record of an exported file; raises EngineError if it is missing or damaged."""
    try:
        return ExportVerification.model_validate_json(read_text(verification_path(path)))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise EngineError("This file has no verification record. Export the model again.", path) from error
