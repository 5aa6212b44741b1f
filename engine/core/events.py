"""The closed list of events that work yields. Each is plain frozen data and one JSON line."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from engine.core.records import FiniteModel

Count: TypeAlias = Annotated[int, Field(ge=0, le=2**53)]
"""What can be drawn: a float holds it."""
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=1e12)]


class Scores(FiniteModel):
    """Loss and accuracy (0..1) of one split after one epoch."""

    loss: float
    accuracy: float


class TrainScores(Scores):
    """Scores of the training split as the network saw it: augmented and, where asked, mixed.

    Under MixUp and CutMix `accuracy` weighs both labels of an image by their share. `plain_accuracy` is then measured
    on training images as they are, so that it can be held against validation; without mixing the two are the same.
    """

    plain_accuracy: float


class Best(FiniteModel):
    """The best epoch, counted from 1, with its validation scores."""

    epoch: Count
    accuracy: float
    loss: float


class RunStarted(FiniteModel):
    """A run is about to train."""

    event: Literal["run_started"] = "run_started"
    run: str
    classes: tuple[str, ...]
    num_train: Count
    num_val: Count
    device: str
    precision: str
    precision_reason: str = ""
    """Why this one."""
    parameters: Count
    """All parameters of the network."""
    trainable: Count
    """Those that this run trains."""
    epochs: Count


Stage: TypeAlias = Literal[
    "scan",
    "check",
    "compare",
    "download",
    "prepare",
    "train",
    "validate",
    "predict",
    "test",
    "learning_curve",
    "robustness",
    "report",
    "export",
    "verify",
    "undo",
    "serve",
]

STAGE_LABELS: dict[Stage, str] = {
    "scan": "Scanning folder",
    "check": "Checking files",
    "compare": "Finding duplicates",
    "download": "Downloading weights",
    "prepare": "Preparing images",
    "train": "Training",
    "validate": "Validating",
    "predict": "Classifying",
    "test": "Testing",
    "learning_curve": "Computing learning curve",
    "robustness": "Measuring robustness",
    "report": "Writing report",
    "export": "Writing file",
    "verify": "Verifying",
    "undo": "Undoing",
    "serve": "Serving",
}
"""Text of each stage beside a progress bar."""


class Progress(FiniteModel):
    """How far a stage has come; at most ten a second. `done` and `total` count images, or bytes of a download."""

    event: Literal["progress"] = "progress"
    stage: Stage
    done: Count
    total: Count
    images_per_second: float | None = None
    epoch: Count | None = None
    loss: float | None = None
    """Running mean of the training loss over the steps since the last such event."""
    seconds_left: Seconds | None = None
    """For the whole job, as far as it can be told."""


class EpochDone(FiniteModel):
    """An epoch was trained and validated."""

    event: Literal["epoch_done"] = "epoch_done"
    epoch: Count
    epochs: Count
    train: TrainScores
    val: Scores
    lr: float
    """Learning rate of the head at the end of the epoch."""
    seconds: Seconds
    best: bool


class Warned(FiniteModel):
    """Something the user should know that does not stop the work."""

    event: Literal["warning"] = "warning"
    message: str
    path: str | None = None


class Serving(FiniteModel):
    """A model answers requests at this address from now on."""

    event: Literal["serving"] = "serving"
    url: str


class RunDone(FiniteModel):
    """A run ended, by itself or because the user stopped it. `best` is None where no epoch was finished."""

    event: Literal["run_done"] = "run_done"
    model: str
    seconds: Seconds
    stopped: bool
    best: Best | None = None


Event: TypeAlias = RunStarted | Progress | EpochDone | Warned | Serving | RunDone

_ANY_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def to_line(event: Event) -> str:
    """Return the event as one line of JSON, without the line end."""
    return event.model_dump_json(exclude_none=True)


def from_line(line: str) -> Event:
    """Read an event back; raise pydantic.ValidationError where the line is none."""
    return _ANY_EVENT.validate_json(line)
