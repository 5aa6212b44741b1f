"""How well a model holds out where pictures are worse than those it learnt from, as plain data."""

from pathlib import Path
from typing import Literal, TypeAlias

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import FiniteModel
from engine.core.relative_path import RelativePath
from engine.core.safe_read import read_text

CorruptionKind: TypeAlias = Literal["rotation", "blur", "noise", "darker", "brighter", "jpeg", "scale"]


class Broken(FiniteModel):
    """An image that is answered rightly as it is and wrongly when changed."""

    path: RelativePath
    """As in the data set, below its root."""
    label: str
    predicted: str
    """What the changed image is taken for."""


class Trial(FiniteModel):
    """All images of the card, changed in one way by one strength."""

    kind: CorruptionKind
    level: float
    """Degrees; standard deviation of a blur in percent of the side; of noise in grey levels of 255; factor of the
    brightness; JPEG quality; side in percent."""
    words: str
    accuracy: float
    """0..1."""
    num_images: int
    broken: Broken | None = None
    """Of the images that break here and at no milder level, the one that was answered most surely."""


class RobustnessReport(FiniteModel):
    """Accuracy (0..1) on validation images as they are, and changed."""

    root: str
    num_images: int
    accuracy: float
    trials: tuple[Trial, ...]
    """Grouped by kind, each from mild to strong."""

    @property
    def kinds(self) -> tuple[CorruptionKind, ...]:
        """The kinds of change, in order."""
        return tuple(dict.fromkeys(trial.kind for trial in self.trials))

    def of_kind(self, kind: CorruptionKind) -> tuple[Trial, ...]:
        """Return the trials of a kind, from mild to strong."""
        return tuple(trial for trial in self.trials if trial.kind == kind)

    def first_failure(self, kind: CorruptionKind) -> Trial | None:
        """Return the mildest trial of a kind at which an image breaks, or None where none does."""
        return next((trial for trial in self.of_kind(kind) if trial.broken is not None), None)

    @property
    def worst(self) -> Trial | None:
        """The trial that loses most, or None where none loses anything."""
        trial = min(self.trials, key=lambda trial: trial.accuracy, default=None)
        return trial if trial is not None and trial.accuracy < self.accuracy else None


def write_robustness(card: RobustnessReport, path: Path) -> None:
    """Write the card as JSON in one step; raise EngineError where the disk refuses."""
    with saving("The robustness card", path):
        write_text_atomic(path, card.model_dump_json(indent=2))


def read_robustness(path: Path) -> RobustnessReport:
    """Read a card back; raise EngineError where the file is missing or damaged."""
    try:
        return RobustnessReport.model_validate_json(read_text(path))
    except (OSError, ValueError) as error:
        raise EngineError("The robustness card of this run is missing or damaged. Measure it again.", path) from error
