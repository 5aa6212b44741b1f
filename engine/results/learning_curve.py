"""Learning curve of a run: accuracy over the number of training images, and the expected gain from more."""

from pathlib import Path

from pydantic import Field

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import FiniteModel
from engine.core.safe_read import read_text

LEARNING_CURVE_NAME = "growth.json"


class LearningCurvePoint(FiniteModel):
    """Validation accuracy (0..1) after training on `num_images`, with its 95 % interval."""

    num_images: int
    accuracy: float
    low: float
    high: float


class ClassLearningCurve(FiniteModel):
    """Expected gain from twice as many images of one class, with its 95 % interval."""

    name: str
    num_images: int
    """Current number of training images."""
    recall: float | None
    """Current recall (0..1) of the probe on the validation images; None for a class without validation images."""
    gain: float
    """Change of F1 of this class (-1..1)."""
    low: float
    high: float
    accuracy_gain: float
    """Change of the accuracy over all classes (-1..1)."""
    words: str
    """The gain as text, see `describe_gain`."""


class LearningCurve(FiniteModel):
    """Learning curve of a linear probe on cached embeddings, extrapolated to twice as many images."""

    points: tuple[LearningCurvePoint, ...] = Field(min_length=1)
    """Measured points by rising number of images."""
    forecast: tuple[LearningCurvePoint, ...] = Field(min_length=1)
    """Extrapolated points, from the current number of images to twice as many."""
    per_class: tuple[ClassLearningCurve, ...]
    """Largest gain first."""
    gain: float
    """Expected change of the accuracy (-1..1) with twice as many images of every class, with its 95 % interval."""
    low: float
    high: float
    num_val: int
    sentence: str
    caveats: tuple[str, ...] = ()
    """Sentences about what the accuracy hides: few images, weak classes, classes that are not measured."""
    evaluated: str = ""
    """UTC time in ISO format; empty in files of older versions."""


def describe_gain(gain: float, low: float, high: float) -> str:
    """Return a change of a share and its 95 % interval in percentage points.

    Returns:
        Text such as `about +2 points (0 to 4)`, or `little` if the gain may be zero.
    """
    points, low_points, high_points = (round(100 * value) for value in (gain, low, high))
    if points < 1 or (low_points < 0 and points < 2):
        return f"little ({low_points} to {high_points} points)" if high_points > 0 else "little"
    return f"about +{points} {'point' if points == 1 else 'points'} ({low_points} to {high_points})"


def write_learning_curve(curve: LearningCurve, run_path: Path) -> None:
    """Write the curve into the run folder; raises EngineError if it cannot be written."""
    with saving("The learning curve", run_path):
        write_text_atomic(run_path / LEARNING_CURVE_NAME, curve.model_dump_json())


def read_learning_curve(run_path: Path) -> LearningCurve | None:
    """Read the curve of a run; None if it was not computed yet. Raises EngineError if the file is damaged."""
    path = run_path / LEARNING_CURVE_NAME
    try:
        return LearningCurve.model_validate_json(read_text(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EngineError("The learning curve of this run is damaged. Compute it again.", path) from error
