"""Output of the command line: results on stdout as text or JSON, messages for people on stderr."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from engine.audit.findings import Audit
from engine.cli.console import Console, printable
from engine.config.settings import RunConfig
from engine.core.events import CandidateDone, DatasetSplit, EpochDone, Event, RaceDone, RunStarted, Warned, to_line
from engine.data.dataset import Dataset
from engine.data.split_description import describe_classes, describe_split
from engine.results.evaluation import Evaluation
from engine.results.few_images import MIN_VAL_IMAGES
from engine.results.headline import Headline, evaluation_headline
from engine.results.imbalance import CRITERION_TEXTS
from engine.results.predictions import UNKNOWN, UNSURE, Prediction, PredictionDecision
from engine.runs.history import History
from engine.runs.run_folder import Run

DONE = 0
"""Exit code of a subcommand that succeeded."""

_LARGE_DIFFERENCE = 0.05
"""Difference of accuracy and balanced accuracy above which both are printed after an epoch."""

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
    """Print the validation accuracy of a run, what it hides, and the model path on stderr."""
    history = run.history
    headline = history.headline
    if headline is not None:
        low, high = headline.interval
        console.print_message(
            f"{_balanced_sentence(headline)}Validation accuracy {headline.accuracy:.1%} "
            f"on {headline.num_images} images (95 % interval {low:.1%} to {high:.1%})."
        )
        if history.best is not None and history.best.criterion != "accuracy":
            console.print_message(f"Best epoch: {history.best.epoch} ({CRITERION_TEXTS[history.best.criterion]}).")
        for sentence in headline.caveats():
            console.print_message(sentence)
    console.print_message(f"Model: {run.model_path}")


def _balanced_sentence(headline: Headline) -> str:
    if headline.balanced_accuracy is None:
        return ""
    measured = "measured classes" if headline.num_unmeasured else "classes"
    return f"Balanced accuracy {headline.balanced_accuracy:.1%}, the mean recall of the {measured}. "


def print_evaluation(evaluation: Evaluation, as_json: bool) -> None:
    """Print all figures of an evaluation on stdout."""
    if as_json:
        print_json(evaluation.model_dump_json())
        return
    print_line(f"{'class':<24} precision   recall       F1   images")
    for row in evaluation.per_class:
        cells = f"{_figure(row.precision):>9} {_figure(row.recall):>8} {_figure(row.f1):>8} {row.num_images:>8}"
        print_line(f"{row.name:<24} {cells}{'' if row.num_images else '  not measured'}")
    low, high = evaluation.interval
    headline = evaluation_headline(evaluation)
    num_measured = headline.num_classes - headline.num_unmeasured
    measured = f" of {num_measured:,} measured classes" if headline.num_unmeasured else ""
    print_line(
        f"accuracy {evaluation.accuracy:.4f} (95 % interval {low:.4f} to {high:.4f}), "
        f"balanced accuracy {evaluation.balanced_accuracy:.4f}, macro F1 {evaluation.macro_f1:.4f}{measured}, "
        f"top-5 {evaluation.top5:.4f}, "
        f"loss {evaluation.loss:.4f}, {len(evaluation.images)} images, {len(evaluation.unreadable)} unreadable"
    )
    few = "" if len(evaluation.images) >= MIN_VAL_IMAGES else " (not reliable: few images)"
    print_line(f"calibration error {evaluation.calibration_error:.4f}{few}")
    for sentence in headline.caveats(split=""):
        print_line(sentence)


def _figure(share: float | None) -> str:
    return "–" if share is None else f"{share:.3f}"


def print_event_json(event: Event | Prediction) -> None:
    """Print an event on stdout as a line of JSON."""
    if not isinstance(event, Prediction):
        print_json(to_line(event))


def print_event(console: Console) -> Callable[[Event | Prediction], None]:
    """Return a function that prints an event on stderr as text."""

    def print_text(event: Event | Prediction) -> None:
        match event:
            case DatasetSplit():
                sizes = describe_split(event.num_train, event.num_val, event.num_test, event.is_drawn)
                console.print_message(f"{describe_classes(event.classes)}.")
                console.print_message(f"Images: {sizes}.")
            case RunStarted():
                if event.network_reason:
                    console.print_message(event.network_reason)
                console.print_message(
                    f"Training on {event.num_train} images of {len(event.classes)} classes, "
                    f"validating on {event.num_val}.{f' Groups: {event.grouping}.' if event.grouping else ''} "
                    f"{event.trainable:,} of {event.parameters:,} parameters are trained "
                    f"on {event.device} in {event.precision} ({event.precision_reason})."
                )
            case EpochDone():
                console.print_message(_epoch_line(event))
            case CandidateDone():
                console.print_message(
                    f"candidate {event.name}: accuracy {event.accuracy:.3f} after {event.seconds:.1f} s"
                )
            case RaceDone():
                console.print_message(f"Chosen: {event.reason}")
            case Warned():
                console.print_message(f"{event.path}: {event.message}" if event.path else event.message)

    return print_text


def _epoch_line(event: EpochDone) -> str:
    train, val = event.train, event.val
    mixed = f" ({train.accuracy:.3f} with mixing)" if train.accuracy != train.plain_accuracy else ""
    differs = val.balanced_accuracy is not None and abs(val.balanced_accuracy - val.accuracy) > _LARGE_DIFFERENCE
    balanced = f" ({val.balanced_accuracy:.3f} balanced)" if differs else ""
    return (
        f"epoch {event.epoch}/{event.epochs}  "
        f"training loss {train.loss:.4f} accuracy {train.plain_accuracy:.3f}{mixed}  "
        f"validation loss {val.loss:.4f} accuracy {val.accuracy:.3f}{balanced}  {event.seconds:.1f} s"
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
            "has_val": dataset.has_val,
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
