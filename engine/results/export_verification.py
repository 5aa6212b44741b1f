"""What an exported model is asked to be, and the certificate that says whether it answers as the program does."""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import AliasChoices, ConfigDict, Field, ValidationError

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import FrozenModel
from engine.core.safe_read import read_text

ExportFormat: TypeAlias = Literal["onnx", "pt2"]

METADATA_KEY = "classifold"
"""Name of the entry inside an exported file that holds all that is needed to use it, as JSON."""
RUN_EXPORT = "--run-export"
"""What the program is started with to write or run an exported file; a folder with the request follows."""
SCRIPT_TOLERANCE = 0.01
"""How near the two likeliest classes are where a script that scales pictures by itself may take the other one."""
TOLERANCE = 1e-3
"""Largest difference of any probability at which an export in float32 counts as the same model."""
MAX_ACCURACY_LOSS = 0.02
"""Accuracy (0..1) on validation images that an export of 8-bit integers may lose."""


class ExportOptions(FrozenModel):
    """What file to write."""

    format: ExportFormat = "onnx"
    int8: bool = False
    """Integers of 8 bits instead of floats, chosen on training images; for ONNX only."""
    normalises: bool = True
    """The file takes pixels as they are, uint8 in 0..255, and normalises them itself; else float32, normalised."""


class ExportVerification(FrozenModel):
    """How the answers of an exported file, run in a process of its own, differ from those of the program.

    It lies beside the file, see `verification_path`.
    """

    model_config = ConfigDict(validate_by_name=True)

    file: str
    """Name of the exported file."""
    sha256: str
    num_bytes: int = Field(ge=0)
    format: ExportFormat
    int8: bool
    runtime: str
    """What ran it, such as `onnxruntime 1.32.0`."""
    images: Literal["validation", "sample"]
    """What was put to both: validation images, or drawn ones where there are none."""
    num_images: int = Field(ge=0)
    num_equal: int = Field(ge=0)
    """How many got the same class from both."""
    max_difference: float
    """Largest difference of a probability (0..1)."""
    script_num_images: int | None = None
    """Image files that `predict.py` could read itself, asking the file about them; None: there is no such script."""
    script_num_equal: int | None = None
    """How many of these got the class that the file gave before."""
    speedup: float | None = None
    """How many times as fast as the same file in floats, one image at a time on this computer; None: not measured."""
    accuracy: float | None = None
    """Share of the images that the file gets right (0..1)."""
    model_accuracy: float | None = None
    """The same of the program."""
    passed: bool = Field(validation_alias=AliasChoices("passed", "is_kept"))
    """Whether what was promised of the file holds: all classes and probabilities, or for integers the accuracy."""
    notes: tuple[str, ...] = ()
    created: str

    def sentence(self) -> str:
        """Say in words how the file compares."""
        if self.int8 and self.accuracy is not None and self.model_accuracy is not None:
            speed = f"; {self.speedup:.1f} times as fast as in floats" if self.speedup else ""
            return (
                f"Right on {self.accuracy:.1%} of {self.num_images} validation images, Classifold on "
                f"{self.model_accuracy:.1%}; the same class on {self.num_equal}{speed}."
            )
        kind = "validation images" if self.images == "validation" else "drawn images"
        return (
            f"The same class as Classifold on {self.num_equal} of {self.num_images} {kind}; probabilities differ by "
            f"{self.max_difference:.1e} at most."
        )


def verification_path(path: Path) -> Path:
    """Return where the certificate of an exported file lies."""
    return path.with_name(f"{path.name}.certificate.json")


def failed_path(path: Path) -> Path:
    """Return what a file is called that failed its certificate."""
    return path.with_name(f"{path.stem}.disagrees{path.suffix}")


def write_verification(certificate: ExportVerification, folder: Path) -> None:
    """Put a certificate beside its file in `folder`; raise EngineError where the disk refuses."""
    path = verification_path(folder / certificate.file)
    with saving("The certificate", path):
        write_text_atomic(path, certificate.model_dump_json(indent=2))


def read_verification(path: Path) -> ExportVerification:
    """Return the certificate of an exported file; raise EngineError where it has none."""
    try:
        return ExportVerification.model_validate_json(read_text(verification_path(path)))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise EngineError("This file has no certificate beside it. Export the model again.", path) from error
