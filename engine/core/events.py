"""The events that jobs yield. Each is an immutable record that is stored as one line of JSON."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from engine.core.records import FiniteModel

Count: TypeAlias = Annotated[int, Field(ge=0, le=2**53)]
"""A count that a float represents exactly, so that it can be plotted."""
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=1e12)]


class Scores(FiniteModel):
    """Loss and accuracy (0..1) of one split after one epoch."""

    loss: float
    accuracy: float


class ClassRecall(FiniteModel):
    """Number of images of one class, and how many of them are classified correctly."""

    name: str
    num_correct: Count
    num_images: Count


class ValScores(Scores):
    """Scores of the validation split, overall and by class. Files of older versions hold only the former."""

    balanced_accuracy: float | None = None
    """Mean recall (0..1) of the classes that have validation images; each class counts equally."""
    balanced_loss: float | None = None
    """Mean over these classes of the mean cross-entropy (nats) of a class."""
    weakest: tuple[ClassRecall, ...] = ()
    """The first few classes to name beside the accuracy, see `engine.results.class_recalls.weak_classes`."""
    num_weak: Count = 0
    """Number of all such classes."""


class TrainScores(Scores):
    """Scores of the training split during training, on augmented and possibly mixed images.

    With MixUp or CutMix, `accuracy` weighs both labels of an image by their shares.
    """

    plain_accuracy: float
    """Accuracy to compare with validation: of clean training images if images are mixed, else equal to `accuracy`."""


Criterion: TypeAlias = Literal["accuracy", "balanced_accuracy", "balanced_loss", "last"]
"""Criterion of the best epoch; `last`: none, so the last epoch is kept."""


class Best(ValScores):
    """The best epoch (counted from 1) and its validation scores."""

    epoch: Count
    criterion: Criterion = "accuracy"


class DatasetSplit(FiniteModel):
    """The images of a training have been read and split. Sent before the run starts, and not stored."""

    event: Literal["dataset_split"] = "dataset_split"
    classes: tuple[str, ...]
    num_train: Count
    num_val: Count
    num_test: Count
    is_drawn: bool
    """True if the validation images were drawn from the training images; False if the folder has its own."""


class RunStarted(FiniteModel):
    """A training run has started."""

    event: Literal["run_started"] = "run_started"
    run: str
    classes: tuple[str, ...]
    num_train: Count
    num_val: Count
    grouping: str = ""
    """Number of groups of photos that stay on one side of the split, by kind; empty for none."""
    device: str
    precision: str
    precision_reason: str = ""
    """Why this precision was chosen."""
    network_reason: str = ""
    """Why this network and its start weights were chosen; empty if the user chose them."""
    parameters: Count
    """Number of all parameters of the model."""
    trainable: Count
    """Number of parameters that this run trains."""
    epochs: Count
    criterion: Criterion = "accuracy"
    """Criterion that chooses the best epoch."""
    unmeasured: tuple[str, ...] = ()
    """The first few classes without validation images."""
    num_unmeasured: Count = 0
    """Number of all such classes."""


Stage: TypeAlias = Literal[
    "load",
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
    "load": "Loading PyTorch",
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
    """Progress of a stage, sent at most ten times per second. `done` and `total` are images, or bytes of a download."""

    event: Literal["progress"] = "progress"
    stage: Stage
    done: Count
    total: Count
    images_per_second: float | None = None
    epoch: Count | None = None
    loss: float | None = None
    """Mean training loss over the steps since the last progress event."""
    seconds_left: Seconds | None = None
    """Estimated time until the end of the whole job."""


class EpochDone(FiniteModel):
    """An epoch has been trained and validated."""

    event: Literal["epoch_done"] = "epoch_done"
    epoch: Count
    epochs: Count
    train: TrainScores
    val: ValScores
    lr: float
    """Learning rate of the head at the end of the epoch."""
    seconds: Seconds
    best: bool


class CandidateDone(FiniteModel):
    """A way of training was tried within the time budget: its best epoch, by the criterion of the run."""

    event: Literal["candidate_done"] = "candidate_done"
    name: str
    """Network and trained layers for the user, such as `EfficientNet-Lite0, last block`."""
    epoch: Count
    """Number of its best epoch in the run; 0 for a trial that the run does not continue."""
    accuracy: Annotated[float, Field(ge=0, le=1)]
    loss: float
    seconds: Seconds
    """Time that it took."""


class RaceDone(FiniteModel):
    """The best candidate was chosen; its model is kept."""

    event: Literal["race_done"] = "race_done"
    winner: str
    """Name of the candidate."""
    reason: str
    """One sentence for the user."""


class Warned(FiniteModel):
    """A problem that does not stop the job."""

    event: Literal["warning"] = "warning"
    message: str
    path: str | None = None


class Serving(FiniteModel):
    """The local server accepts requests at this address."""

    event: Literal["serving"] = "serving"
    url: str


class RunDone(FiniteModel):
    """A run has ended or was stopped by the user. `best` is None if no epoch was completed."""

    event: Literal["run_done"] = "run_done"
    model: str
    seconds: Seconds
    stopped: bool
    best: Best | None = None


Event: TypeAlias = (
    DatasetSplit | RunStarted | Progress | EpochDone | CandidateDone | RaceDone | Warned | Serving | RunDone
)

_ANY_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def to_line(event: Event) -> str:
    """Return an event as one line of JSON, without the line end."""
    return event.model_dump_json(exclude_none=True)


def from_line(line: str) -> Event:
    """Parse an event from a line of JSON; raise pydantic.ValidationError if the line is not an event."""
    return _ANY_EVENT.validate_json(line)
