"""The subcommand predict. It returns the exit code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.cli.arguments import Flag, ModelArgument, error_limit
from engine.cli.console import Console
from engine.cli.output import DONE, print_event, print_json, print_prediction
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.spreadsheet import TableWriter
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.predictions import Prediction, csv_columns
from engine.runs.locate import locate_model


def predict(
    model: ModelArgument,
    paths: Annotated[Positional[tuple[Path, ...]], arg(metavar="PATH")],
    /,
    top: int = 5,
    max_error: float = DEFAULT_MAX_ERROR,
    json: Flag = False,
    csv: Path | None = None,
) -> int:
    """Classify image files and all images inside folders.

    Args:
        model: A model.safetensors file, or a run folder.
        paths: Image files and folders.
        top: Number of most likely classes to print for each image.
        max_error: Maximum error rate (0 to 1) among decided images; less confident ones are `unsure`. 1: no limit.
        json: Print one JSON object per line.
        csv: Write a CSV table to this file.
    """
    console = Console()
    model = locate_model(model)
    if not paths:
        raise EngineError("Name at least one image or folder to classify.")
    limit = error_limit(max_error)
    if csv is not None:
        num_images = _predict_to_csv(console, model, paths, max(1, top), limit, csv)
        console.print_message(f"{num_images} predictions are saved in {csv}")
        return DONE

    print_other = print_event(console)

    def print_any(event: Event | Prediction) -> None:
        if not isinstance(event, Prediction):
            print_other(event)
        elif json:
            print_json(event.to_json())
        else:
            print_prediction(event)

    if not console.run(jobs.predict(model, paths, max(1, top), limit), print_any):
        raise EngineError("There are no images in this folder.", paths[0])
    return DONE


def _predict_to_csv(
    console: Console, model: Path, paths: Sequence[Path], top: int, max_error: float | None, target: Path
) -> int:
    print_other = print_event(console)
    has_columns = False

    def add(event: Event | Prediction) -> None:
        nonlocal has_columns
        if not isinstance(event, Prediction):
            print_other(event)
            return
        if not has_columns:
            table.add(csv_columns(event.classes))
            has_columns = True
        table.add(event.to_row())

    with TableWriter(target) as table:
        return console.run(jobs.predict(model, paths, top, max_error), add)
