"""Robustness report: accuracy of a model on corrupted images."""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import computed_field

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import ExtensibleModel, FiniteModel
from engine.core.relative_path import RelativePath
from engine.core.safe_read import read_text

CorruptionKind: TypeAlias = Literal["rotation", "blur", "noise", "darker", "brighter", "jpeg", "scale"]

CORRUPTION_NAMES: dict[CorruptionKind, str] = {
    "rotation": "Rotation",
    "blur": "Blur",
    "noise": "Noise",
    "darker": "Brightness (lower)",
    "brighter": "Brightness (higher)",
    "jpeg": "JPEG compression",
    "scale": "Downscaling",
}
_LEVEL_TEXTS: dict[CorruptionKind, str] = {
    "rotation": "rotation {:g}°",
    "blur": "blur σ = {:g} %",
    "noise": "noise σ = {:g}",
    "darker": "brightness ×{:g}",
    "brighter": "brightness ×{:g}",
    "jpeg": "JPEG quality {:g}",
    "scale": "scale {:g} %",
}


class Broken(FiniteModel):
    """An image that is classified correctly unmodified and wrongly when corrupted."""

    path: RelativePath
    """Relative to the dataset folder."""
    label: str
    predicted: str
    """Predicted class of the corrupted image."""


class Trial(ExtensibleModel):
    """Accuracy on all images under one corruption at one level.

    Files of earlier versions store the text `words`, which is now computed.
    """

    kind: CorruptionKind
    level: float
    """Degrees; standard deviation of the blur in percent of the side; standard deviation of the noise in grey levels
    (0..255); brightness factor; JPEG quality; side in percent."""
    accuracy: float
    """0..1."""
    num_images: int
    broken: Broken | None = None
    """Among the images that are first misclassified at this level, the one with the highest original confidence."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def words(self) -> str:
        """Corruption and level as text, such as `scale 12 %`."""
        return _LEVEL_TEXTS[self.kind].format(self.level)


class RobustnessReport(FiniteModel):
    """Accuracy (0..1) on unmodified and on corrupted validation images."""

    root: str
    num_images: int
    accuracy: float
    trials: tuple[Trial, ...]
    """Grouped by kind, each by rising severity."""
    caveats: tuple[str, ...] = ()
    """Sentences about what the accuracy hides: few images, weak classes, classes that are not measured."""
    evaluated: str = ""
    """UTC time in ISO format; empty in files of older versions."""

    @property
    def kinds(self) -> tuple[CorruptionKind, ...]:
        """Kinds of corruption in order."""
        return tuple(dict.fromkeys(trial.kind for trial in self.trials))

    def of_kind(self, kind: CorruptionKind) -> tuple[Trial, ...]:
        """Return the trials of one kind by rising severity."""
        return tuple(trial for trial in self.trials if trial.kind == kind)

    def first_failure(self, kind: CorruptionKind) -> Trial | None:
        """Return the mildest trial of one kind with a newly misclassified image; None if there is none."""
        return next((trial for trial in self.of_kind(kind) if trial.broken is not None), None)

    @property
    def worst(self) -> Trial | None:
        """The trial with the lowest accuracy; None if no trial is below the accuracy on unmodified images."""
        trial = min(self.trials, key=lambda trial: trial.accuracy, default=None)
        return trial if trial is not None and trial.accuracy < self.accuracy else None


def write_robustness(report: RobustnessReport, path: Path) -> None:
    """Write the report atomically as JSON; raises EngineError if it cannot be written."""
    with saving("The robustness report", path):
        write_text_atomic(path, report.model_dump_json(indent=2))


def read_robustness(path: Path) -> RobustnessReport:
    """Read a report; raises EngineError if the file is missing or damaged."""
    try:
        return RobustnessReport.model_validate_json(read_text(path))
    except (OSError, ValueError) as error:
        raise EngineError(
            "The robustness report of this run is missing or damaged. Measure robustness again.", path
        ) from error
