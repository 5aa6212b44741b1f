"""What more images would bring: the learning curve of a run and its forecast, as plain data."""

from pathlib import Path

from pydantic import Field

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import FiniteModel
from engine.core.safe_read import read_text

LEARNING_CURVE_NAME = "growth.json"


class LearningCurvePoint(FiniteModel):
    """Accuracy (0..1) on the validation images after learning from `num_images`, with its 95 % range."""

    num_images: int
    accuracy: float
    low: float
    high: float


class ClassLearningCurve(FiniteModel):
    """What twice as many images of one class alone would bring, each with its 95 % range."""

    name: str
    num_images: int
    """To learn from now."""
    recall: float
    """Share (0..1) of its validation images that a probe finds now."""
    gain: float
    """Change of the F1 of this class (-1..1)."""
    low: float
    high: float
    accuracy_gain: float
    """Change of the accuracy over all classes (-1..1)."""
    words: str
    """In words: about +2 points (0 to 4), or little."""


class LearningCurve(FiniteModel):
    """The learning curve of a probe on kept embeddings, and where it leads."""

    points: tuple[LearningCurvePoint, ...] = Field(min_length=1)
    """Measured, from few images to all."""
    forecast: tuple[LearningCurvePoint, ...] = Field(min_length=1)
    """From all images on to twice as many."""
    per_class: tuple[ClassLearningCurve, ...]
    """The most promising first."""
    gain: float
    """Change of the accuracy (-1..1) by twice as many images of every class, with its 95 % range."""
    low: float
    high: float
    num_val: int
    sentence: str


def describe_gain(gain: float, low: float, high: float) -> str:
    """Say a change of a share in points: `about +2 points (0 to 4)`, or `little` where it may as well be none."""
    points, least, most = (round(100 * value) for value in (gain, low, high))
    if points < 1 or (least < 0 and points < 2):
        return f"little ({least} to {most} points)" if most > 0 else "little"
    return f"about +{points} {'point' if points == 1 else 'points'} ({least} to {most})"


def write_learning_curve(growth: LearningCurve, run_path: Path) -> None:
    """Write the curve into the run folder in one step; raise EngineError where the disk refuses."""
    with saving("The learning curve", run_path):
        write_text_atomic(run_path / LEARNING_CURVE_NAME, growth.model_dump_json())


def read_learning_curve(run_path: Path) -> LearningCurve | None:
    """Read the curve of a run back, or None where it was not drawn yet; raise EngineError where it is damaged."""
    path = run_path / LEARNING_CURVE_NAME
    try:
        return LearningCurve.model_validate_json(read_text(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EngineError("The learning curve of this run is damaged. Draw it again.", path) from error
