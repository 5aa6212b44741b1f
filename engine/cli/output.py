"""Output of the command line: results on stdout as text or JSON, messages for people on stderr."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from engine.audit.findings import Audit
from engine.cli.console import Console, printable
from engine.config.settings import RunConfig
from engine.core.events import EpochDone, Event, RunStarted, Warned, to_line
from engine.data.dataset import Dataset
from engine.results.evaluation import Evaluation
from engine.results.predictions import UNKNOWN, UNSURE, Prediction, PredictionDecision
from engine.runs.history import History
from engine.runs.run_folder import Run

DONE = 0
"""Exit code of a subcommand that succeeded."""

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")

_DECISION_NOTES: dict[PredictionDecision | None, str] = {
    UNSURE: " (unsure)",
    UNKNOWN: " (unknown: unlike the training images)",
}
"""They follow the probabilities, where no name of a class can be confused with them."""


def print_line(line: str) -> None:
    """Print a line of text on stdout."""
    print(printable(line), flush=True)  # noqa: T201


def print_json(document: str) -> None:
    """Print one line of JSON on stdout, in ASCII: every encoding of a console or a redirected file can hold it."""
    print_line(_NOT_ASCII.sub(_json_escape, document))


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def print_prediction(prediction: Prediction) -> None:
    """Print a prediction with its three most likely classes on stdout."""
    if prediction.error is not None:
        print_line(f"{prediction.path}: not classified. {prediction.error}")
    else:
        classes = ", ".join(f"{name} {probability:.1%}" for name, probability in prediction.top[:3])
        print_line(f"{prediction.path}: {classes}{_DECISION_NOTES.get(prediction.decision, '')}")


def print_run_summary(console: Console, run: Run) -> None:
    """Print the validation accuracy and the model path of a run on stderr."""
    history = run.history
    if history.best is not None and history.started is not None:
        low, high = history.interval
        console.print_message(
            f"Validation accuracy {history.best.accuracy:.1%} on {history.started.num_val} images "
            f"(95 % interval {low:.1%} to {high:.1%})."
        )
    console.print_message(f"Model: {run.model_path}")


def print_evaluation(evaluation: Evaluation, as_json: bool) -> None:
    """Print all figures of an evaluation on stdout."""
    if as_json:
        print_json(evaluation.model_dump_json())
        return
    print_line(f"{'class':<24} precision   recall       F1   images")
    for row in evaluation.per_class:
        print_line(f"{row.name:<24} {row.precision:>9.3f} {row.recall:>8.3f} {row.f1:>8.3f} {row.num_images:>8}")
    low, high = evaluation.interval
    print_line(
        f"accuracy {evaluation.accuracy:.4f} (95 % interval {low:.4f} to {high:.4f}), "
        f"macro F1 {evaluation.macro_f1:.4f}, top-5 {evaluation.top5:.4f}, "
        f"loss {evaluation.loss:.4f}, {len(evaluation.images)} images, {len(evaluation.unreadable)} unreadable"
    )
    print_line(f"calibration error {evaluation.calibration_error:.4f}")


def print_event_json(event: Event | Prediction) -> None:
    """Print an event on stdout as a line of JSON."""
    if not isinstance(event, Prediction):
        print_json(to_line(event))


def print_event(console: Console) -> Callable[[Event | Prediction], None]:
    """Return a function that prints an event on stderr as text."""

    def print_text(event: Event | Prediction) -> None:
        match event:
            case RunStarted():
                console.print_message(
                    f"Training on {event.num_train} images of {len(event.classes)} classes, "
                    f"validating on {event.num_val}.{f' Groups: {event.grouping}.' if event.grouping else ''} "
                    f"{event.trainable:,} of {event.parameters:,} parameters are trained "
                    f"on {event.device} in {event.precision} ({event.precision_reason})."
                )
            case EpochDone():
                console.print_message(_epoch_line(event))
            case Warned():
                console.print_message(f"{event.path}: {event.message}" if event.path else event.message)

    return print_text


def _epoch_line(event: EpochDone) -> str:
    train, val = event.train, event.val
    mixed = f" ({train.accuracy:.3f} with mixing)" if train.accuracy != train.plain_accuracy else ""
    return (
        f"epoch {event.epoch}/{event.epochs}  "
        f"training loss {train.loss:.4f} accuracy {train.plain_accuracy:.3f}{mixed}  "
        f"validation loss {val.loss:.4f} accuracy {val.accuracy:.3f}  {event.seconds:.1f} s"
        f"{'  best' if event.best else ''}"
    )


def collect_into(predictions: list[Prediction]) -> Callable[[Event | Prediction], None]:
    """Return a function that appends each prediction to a list and ignores events."""

    def collect(event: Event | Prediction) -> None:
        if isinstance(event, Prediction):
            predictions.append(event)

    return collect


def scan_json(dataset: Dataset, audit: Audit) -> str:
    """Return a dataset and its audit as one JSON object."""
    splits = Counter(sample.split for sample in dataset.samples)
    counts = {part: dataset.counts(part) for part in splits}
    return json.dumps(
        {
            "root": str(dataset.root),
            "num_images": len(dataset.samples),
            "classes": {
                name: {"images": total, **{part: counts[part][label] for part in splits}}
                for label, (name, total) in enumerate(zip(dataset.classes, dataset.counts()))
            },
            "splits": splits,
            **audit.model_dump(),
            "notes": (*dataset.notes, *audit.notes),
        }
    )


def run_json(path: Path, config: RunConfig, history: History) -> str:
    """Return the summary of a run as one JSON object."""
    return json.dumps(
        {
            "run": str(path),
            "backbone": config.model.backbone,
            "epochs": len(history.epochs),
            "best": history.best and history.best.model_dump(),
            "interval": history.best and list(history.interval),
            "stopped": history.done.stopped if history.done else None,
        }
    )
