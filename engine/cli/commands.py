"""What each subcommand does. Each returns the exit code."""

import csv
from collections.abc import Callable, Sequence
from json import dumps as dump_json
from pathlib import Path
from typing import Annotated, TextIO

from tyro.conf import Positional, arg

from engine import jobs
from engine.cli.console import Console
from engine.cli.output import (
    DONE,
    Flag,
    collect_into,
    print_end,
    print_evaluation,
    print_event,
    print_event_json,
    print_line,
    print_prediction,
    run_json,
)
from engine.config.backbones import BACKBONES, find_backbone
from engine.config.presets import demo_config
from engine.config.settings import RunConfig
from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.events import Event, Warned
from engine.core.file_names import unique_path
from engine.core.paths import default_runs_folder, home_folder
from engine.core.process_rank import is_rank_zero
from engine.data.sample_dataset import write_sample_dataset
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.evaluation import evaluation_to_csv
from engine.results.predictions import CSV_COLUMNS, Prediction
from engine.results.statistics import wilson_interval
from engine.runs.run_folder import Run, list_runs


def demo(out: Path | None = None) -> int:
    """Draw the sample data, train on it, classify images held out and say where the model lies.

    Args:
        out: Run folder to make. Default: a new one in your home.
    """
    console = Console()
    folder = home_folder() / "sample"
    console.print_message("Drawing the sample images ...")
    console.run(write_sample_dataset(folder))
    run_path = out or unique_path(default_runs_folder() / "demo")
    train_on(console, folder, demo_config(), run_path, print_event(console))
    model = run_path / "model.safetensors"
    answers: list[Prediction] = []
    console.run(jobs.predict(model, [folder / "test"]), collect_into(answers))
    num_right = sum(Path(answer.path).parent.name == answer.label for answer in answers)
    for answer in answers[::5]:
        print_prediction(answer)
    low, high = wilson_interval(num_right, len(answers))
    print_line(
        f"{num_right} of {len(answers)} images held out are classified right (95 % interval {low:.1%} to {high:.1%})."
    )
    print_line(f"The model lies at {model}")
    return DONE


def sample(folder: Annotated[Positional[Path], arg(metavar="DIR")], /) -> int:
    """Write the sample data set.

    Args:
        folder: Folder to write to.
    """
    console = Console()
    console.run(write_sample_dataset(folder))
    console.print_message(
        f"The sample data set lies at {folder}. Train on it with: classifold train {folder} --out RUN"
    )
    return DONE


def evaluate(
    model: Annotated[Positional[Path], arg(metavar="MODEL")],
    data: Annotated[Positional[Path], arg(metavar="DATA")],
    /,
    json: Flag = False,
    csv: Path | None = None,
) -> int:
    """Measure a model on the validation images of a folder, or on all images where it has no val/.

    Args:
        model: A model.safetensors file.
        data: Folder of images by class.
        json: Print one JSON object with all figures.
        csv: Write every image with its true class, its answer and its confidence to this table, wrong ones first.
    """
    console = Console()
    result = console.run(jobs.evaluate(model, data), print_event(console))
    if csv is not None:
        with saving("The table", csv):
            write_text_atomic(csv, evaluation_to_csv(result))
    print_evaluation(result, json)
    return DONE


def predict(
    model: Annotated[Positional[Path], arg(metavar="MODEL")],
    paths: Annotated[Positional[tuple[Path, ...]], arg(metavar="PATH")],
    /,
    top: int = 5,
    max_error: float = DEFAULT_MAX_ERROR,
    json: Flag = False,
    csv: Path | None = None,
) -> int:
    """Classify image files and all images inside folders.

    Args:
        model: A model.safetensors file.
        paths: Image files and folders.
        top: How many classes to name for each image.
        max_error: Share of wrong ones you allow among the answers; doubtful images are left `unsure`. 1: answer all.
        json: Print one JSON object a line.
        csv: Write a CSV table to this file.
    """
    console = Console()
    if not paths:
        raise EngineError("Name at least one image or folder to classify.")
    allowed = None if max_error >= 1 else max(0.0, max_error)
    if csv is not None:
        num_images = _predict_to_csv(console, model, paths, max(1, top), allowed, csv)
        console.print_message(f"{num_images} answers are in {csv}")
        return DONE

    tell_warnings = print_event(console)

    def tell(event: Event | Prediction) -> None:
        if not isinstance(event, Prediction):
            tell_warnings(event)
        else:
            print_line(event.to_json()) if json else print_prediction(event)

    if not console.run(jobs.predict(model, paths, max(1, top), allowed), tell):
        raise EngineError("There are no images in this folder.", paths[0])
    return DONE


def runs(folder: Annotated[Positional[Path | None], arg(metavar="DIR")] = None, /, json: Flag = False) -> int:
    """List runs with their best figures.

    Args:
        folder: Folder of run folders. Default: where the window keeps its runs.
        json: Print one JSON object a line.
    """
    for run in list_runs(folder or default_runs_folder()):
        history = run.history
        best = history.best
        if json:
            print_line(run_json(run.path, run.config, history))
        else:
            low, high = history.interval
            score = f"{best.accuracy:.3f} ({low:.3f} to {high:.3f})" if best else f"{'-':>22}"
            print_line(f"{score}  {run.config.model.backbone:<20} {len(history.epochs):>4} epochs  {run.path}")
    return DONE


def backbones(name: Annotated[Positional[str | None], arg(metavar="NAME")] = None, /, json: Flag = False) -> int:
    """List the networks, or show one layer by layer.

    Args:
        name: Network to show layer by layer.
        json: Print one JSON object a line.
    """
    if name is not None:
        row = find_backbone(name)
        summary = Console().run(jobs.summarize(row.name, 1000, row.image_size))
        for layer in summary.layers:
            if json:
                print_line(dump_json(layer.as_dict()))
            else:
                output = " x ".join(map(str, layer.output))
                print_line(
                    f"{layer.name:<44} {layer.kind:<20} {output:<18} "
                    f"{layer.num_parameters:>12,} {layer.multiply_adds:>14,}"
                )
        return DONE
    for row in BACKBONES.values():
        top1 = "-" if row.top1 is None else f"{row.top1:.1f}"
        if json:
            print_line(dump_json(row.as_dict()))
        else:
            print_line(
                f"{row.name:<20} {row.num_parameters / 1e6:>7.1f} M {row.multiply_adds:>9,} M "
                f"{top1:>6} {row.image_size:>5} px"
            )
    return DONE


def train_on(
    console: Console, data: Path, config: RunConfig, out: Path, on_event: Callable[[Event | Prediction], None]
) -> None:
    """Scan, split and train, handing on each event where this process speaks for all."""
    tell = on_event if is_rank_zero() else _say_nothing
    dataset = console.run(jobs.scan(data), tell)
    for note in dataset.notes:
        tell(Warned(message=note))
    console.run(jobs.split_and_train(dataset, config, out), tell)


def _say_nothing(_event: Event | Prediction) -> None:
    pass


def run_training(data: Path, out: Path, config: RunConfig, events: bool) -> int:
    """Train and tell of it: as JSON lines on stdout, or in words on stderr."""
    console = Console()
    train_on(console, data, config, out, print_event_json if events else print_event(console))
    if is_rank_zero():
        print_end(console, Run(out))
    return DONE


def resume(run: Annotated[Positional[Path], arg(metavar="RUN")], /, events: Flag = False) -> int:
    """Go on with a run where it was interrupted or stopped, in the middle of an epoch too.

    Args:
        run: The run folder.
        events: Print one JSON object a line on stdout, and nothing else there.
    """
    console = Console()
    tell = print_event_json if events else print_event(console)
    console.run(jobs.resume(run), tell if is_rank_zero() else _say_nothing)
    if is_rank_zero():
        print_end(console, Run(run))
    return DONE


def _predict_to_csv(
    console: Console, model: Path, paths: Sequence[Path], top: int, max_error: float | None, target: Path
) -> int:
    tell = print_event(console)
    with _Table(target) as table:
        return console.run(
            jobs.predict(model, paths, top, max_error),
            lambda event: table.add(event) if isinstance(event, Prediction) else tell(event),
        )


class _Table:
    """A CSV file that is begun with the first answer; until then, one that lies there stays as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, answer: Prediction) -> None:
        """Write a row, such that it is there should the program be killed; raise EngineError where that is refused."""
        with saving("The table", self._path):
            if self._file is None:
                self._file = open(self._path, "w", newline="", encoding="utf-8")  # noqa: SIM115 - closed on exit
                csv.writer(self._file).writerow(CSV_COLUMNS)
            csv.writer(self._file).writerow(answer.to_row())
            self._file.flush()
