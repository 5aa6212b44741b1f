"""What an exported model is asked to be, and the certificate that says whether it answers as the program does."""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

ExportFormat: TypeAlias = Literal["onnx", "pt2"]

TOLERANCE = 1e-3
"""Largest difference of any probability at which an export in float32 counts as the same model."""
MOST_ACCURACY_LOST = 0.02
"""Accuracy (0..1) on validation images that an export of 8-bit integers may lose."""


class ExportOptions(BaseModel):
    """What file to write."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: ExportFormat = "onnx"
    int8: bool = False
    """Integers of 8 bits instead of floats, chosen on validation images; for ONNX only."""
    normalises: bool = True
    """The file takes pixels as they are, uint8 in 0..255, and normalises them itself; else float32, normalised."""


class Certificate(BaseModel):
    """How the answers of an exported file, run in a process of its own, differ from those of the program.

    It lies beside the file as `NAME.certificate.json`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    """Name of the exported file."""
    sha256: str
    format: ExportFormat
    int8: bool
    runtime: str
    """What ran it, such as `onnxruntime 1.32.0`."""
    num_images: int = Field(ge=0)
    """Validation images that were put to both."""
    num_equal: int = Field(ge=0)
    """Of these, how many got the same class."""
    max_difference: float
    """Largest difference of a probability (0..1)."""
    accuracy: float | None
    """Share of images the file gets right (0..1)."""
    model_accuracy: float | None
    """The same of the program."""
    is_kept: bool
    """Whether what was promised of the file holds: all labels and probabilities, or for integers the accuracy."""
    notes: tuple[str, ...] = ()
    created: str
