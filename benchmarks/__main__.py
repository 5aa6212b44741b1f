"""Speed compared with other tools, and absolute speed: `python -m benchmarks NAME --shared FOLDER`."""

import sys
import tempfile
from pathlib import Path
from typing import Literal

import tyro
from tyro.conf import Positional

from benchmarks import absolute
from benchmarks.comparison import (
    best_accuracy,
    last_seconds,
    median_and_range,
    ratios,
    run_contender,
    run_interleaved,
    seconds_until,
    speeds,
)
from benchmarks.contenders.task import Task
from benchmarks.output import print_header, print_line, print_row

Name = Literal[
    "training", "time-to-accuracy", "budget", "quick", "prediction", "augmentation", "scan", "start", "window"
]

TARGET_ACCURACY = 0.94
"""Target on hymenoptera; on other datasets it is the best accuracy that fastai reaches."""


def main(
    name: Positional[Name], /, shared: Path = Path("../shared"), repeats: int = 3, data: str = "hymenoptera"
) -> None:
    """Run one benchmark and print its result.

    Args:
        name: Benchmark to run.
        shared: Folder with data/hymenoptera, data/flowers_small, data/sign_digits and weights/mobilenet_v2.pth.
        repeats: Number of repetitions, with the seeds 0, 1, ...
        data: Name of the dataset.
    """
    folder = shared.resolve() / "data" / data
    weights = str(shared.resolve() / "weights" / "mobilenet_v2.pth")
    size = 224 if data == "hymenoptera" else 128
    tasks = [Task(str(folder), weights=weights, image_size=size, seed=seed) for seed in range(repeats)]
    match name:
        case "training":
            training(folder, repeats)
        case "time-to-accuracy":
            time_to_accuracy(tasks)
        case "budget":
            budget(data, tasks)
        case "quick":
            quick(tasks[0])
        case "prediction":
            prediction(tasks)
        case _:
            absolute.BENCHMARKS[name](folder)


def training(folder: Path, repeats: int) -> None:
    """Compare the training speed of ResNet-18 from random weights, all layers, from image files."""
    names = ("our_training", "our_training_in_memory", "fastai_training", "torchvision_training")
    outputs = run_interleaved(names, [Task(str(folder), backbone="resnet18", seed=seed) for seed in range(repeats)])
    ours = speeds(outputs["our_training"])
    print_header("images/s", "ours", "other", "ratio")
    for name in names[1:]:
        theirs = speeds(outputs[name])
        print_row(
            "ResNet-18, 224 px", median_and_range(ours), f"{name} {median_and_range(theirs)}", ratios(ours, theirs)
        )


def time_to_accuracy(tasks: list[Task]) -> None:
    """Compare the time that quick mode and fastai need to reach a target accuracy."""
    print_header("seed", "target", "ours, time to target", "fastai, time to target")
    for task in tasks:
        theirs = run_contender("fastai_training", task)
        target = _target(task, best_accuracy(theirs))
        with tempfile.TemporaryDirectory() as home:
            ours = run_contender("our_training", task.changed(mode="quick", epochs=10), CLASSIFOLD_HOME=home)
        print_row(task.seed, f"{target:.3f}", _time(seconds_until(ours, target)), _time(seconds_until(theirs, target)))


def budget(data: str, tasks: list[Task]) -> None:
    """Compare the accuracy when our time budget is the time that fastai takes for three epochs."""
    print_header(
        "data", "seed", "fastai", "ours in the same time", "target", "ours, time to target", "fastai, time to target"
    )
    for task in tasks:
        theirs = run_contender("fastai_training", task)
        seconds = last_seconds(theirs)
        with tempfile.TemporaryDirectory() as home:
            ours = run_contender("our_training", task.changed(budget=float(int(seconds))), CLASSIFOLD_HOME=home)
        target = _target(task, best_accuracy(theirs))
        print_row(
            data,
            task.seed,
            f"{best_accuracy(theirs):.3f} in {seconds:.1f} s",
            f"{best_accuracy(ours):.3f}",
            f"{target:.3f}",
            _time(seconds_until(ours, target)),
            _time(seconds_until(theirs, target)),
        )


def quick(task: Task) -> None:
    """Measure the time to the first validation accuracy in quick mode, without and with cached features."""
    with tempfile.TemporaryDirectory() as home:
        for cache in ("empty", "filled"):
            output = run_contender("our_training", task.changed(mode="quick", epochs=6), CLASSIFOLD_HOME=home)
            print_line(
                f"feature cache {cache}: first validation accuracy after {_time(seconds_until(output, 0))}, "
                f"end after {_time(last_seconds(output))}"
            )


def prediction(tasks: list[Task]) -> None:
    """Compare the prediction speed on a folder, and measure the time of a single image."""
    with tempfile.TemporaryDirectory() as home:
        model = Path(home) / "model.safetensors"
        run_contender("our_training", tasks[0].changed(epochs=1, save_model_to=str(model)), CLASSIFOLD_HOME=home)
        model_tasks = [task.changed(model=str(model)) for task in tasks]
        outputs = run_interleaved(("our_prediction", "timm_prediction"), model_tasks)
    ours, theirs = speeds(outputs["our_prediction"]), speeds(outputs["timm_prediction"])
    single = [lines[-1]["single_milliseconds"] for lines in outputs["our_prediction"]]
    print_line(
        f"ours {median_and_range(ours)}, timm {median_and_range(theirs)} images/s, ratio {ratios(ours, theirs)}; "
        f"one image {median_and_range(single)} ms"
    )


def _target(task: Task, best_of_fastai: float) -> float:
    return TARGET_ACCURACY if "hymenoptera" in task.data else best_of_fastai


def _time(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
