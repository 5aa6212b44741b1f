"""Subcommands that train: train, resume and demo. Each returns the exit code."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from engine import jobs
from engine.cli.arguments import DataArgument, Flag, RunArgument
from engine.cli.console import Console
from engine.cli.given_flags import keep_given
from engine.cli.moved_images import MovedImages, find_run
from engine.cli.output import (
    DONE,
    collect_into,
    print_event,
    print_event_json,
    print_line,
    print_prediction,
    print_run_summary,
)
from engine.config.presets import demo_config
from engine.config.settings import RunConfig
from engine.core.events import Event, Warned
from engine.core.file_names import unique_path
from engine.core.paths import default_runs_folder, home_folder
from engine.core.process_rank import is_rank_zero
from engine.data.sample_dataset import write_sample_dataset
from engine.results.predictions import Prediction
from engine.results.statistics import wilson_interval
from engine.runs.locate import locate_model, locate_run
from engine.runs.run_folder import Run


def train_command(defaults: RunConfig, arguments: Sequence[str]) -> Callable[..., int]:
    """Return the subcommand `train`, whose flags have the values of `defaults` as defaults.

    `arguments` are those of the command line: presets choose the settings that have no flag there.
    """

    def train(
        data: DataArgument,
        /,
        out: Path,
        config: Path | None = None,
        events: Flag = False,
        settings: Annotated[RunConfig, arg(name="")] = defaults,
    ) -> int:
        """Train a model on a folder of images.

        Args:
            data: Folder with one folder of images per class, or with train/ and val/.
            out: Run folder to create; it receives the model, its settings and its history.
            config: JSON file of settings that replace the defaults, such as the config.json of a run.
            events: Print one JSON object per line on stdout, and nothing else there.
            settings: Settings of the run. Those that are not given depend on the images and the computer.
        """
        del config  # `main` has read it before, because its values are the defaults of the flags
        console = Console()
        settings = keep_given(settings, defaults, arguments)
        if os.path.isdir(settings.model.weights):
            settings = settings.changed("model", weights=str(locate_model(Path(settings.model.weights))))
        _train(console, data, settings, out, print_event_json if events else print_event(console))
        if is_rank_zero():
            print_run_summary(console, Run(out))
        return DONE

    return train


def resume(run: RunArgument, /, events: Flag = False, data: MovedImages = None) -> int:
    """Resume a stopped or interrupted run from its last checkpoint, also within an epoch.

    Args:
        run: The run folder.
        events: Print one JSON object per line on stdout, and nothing else there.
    """
    console = Console()
    on_event = print_event_json if events else print_event(console)
    found = find_run(console, run, data) if is_rank_zero() else locate_run(run)
    console.run(jobs.resume(found.path), on_event if is_rank_zero() else None)
    if is_rank_zero():
        print_run_summary(console, found)
    return DONE


def demo(out: Path | None = None) -> int:
    """Write the sample dataset, train on it, classify its test images and print the path of the model.

    Args:
        out: Run folder to create. Default: a new one in the folder of runs.
    """
    console = Console()
    folder = home_folder() / "sample"
    console.print_message("Writing the sample images ...")
    console.run(write_sample_dataset(folder))
    run_path = out or unique_path(default_runs_folder() / "demo")
    _train(console, folder, demo_config(), run_path, print_event(console))
    model = run_path / "model.safetensors"
    predictions: list[Prediction] = []
    console.run(jobs.predict(model, [folder / "test"]), collect_into(predictions))
    num_correct = sum(Path(prediction.path).parent.name == prediction.label for prediction in predictions)
    for prediction in predictions[::5]:
        print_prediction(prediction)
    low, high = wilson_interval(num_correct, len(predictions))
    print_line(
        f"{num_correct} of {len(predictions)} test images are classified correctly "
        f"(95 % interval {low:.1%} to {high:.1%})."
    )
    print_line(f"Model: {model}")
    return DONE


def _train(
    console: Console, data: Path, config: RunConfig, out: Path, on_event: Callable[[Event | Prediction], None]
) -> None:
    """Scan, split and train; only the process of rank 0 reports events."""
    if not is_rank_zero():
        on_event = _ignore
    dataset = console.run(jobs.scan(data), on_event)
    for note in dataset.notes:
        on_event(Warned(message=note))
    console.run(jobs.split_and_train(dataset, config, out), on_event)


def _ignore(_event: Event | Prediction) -> None:
    pass
