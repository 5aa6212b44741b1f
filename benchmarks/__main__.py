"""`python -m benchmarks NAME --shared FOLDER`: print one comparison as lines of a table."""

import sys
import tempfile
from pathlib import Path
from typing import Literal

import tyro
from tyro.conf import Positional

from benchmarks import absolute
from benchmarks.comparison import best, interleaved, last_seconds, ratios, run, seconds_until, speeds, spread
from benchmarks.contenders.task import Task

Name = Literal["training", "reaching", "budget", "quick", "prediction", "augmentation", "scan", "start", "window"]


def main(
    name: Positional[Name], /, shared: Path = Path("../shared"), repeats: int = 3, data: str = "hymenoptera"
) -> None:
    """Measure one thing.

    Args:
        name: What to measure.
        shared: Folder with data/hymenoptera, data/flowers_small, data/sign_digits and weights/mobilenet_v2.pth.
        repeats: How often; seeds count up from 0.
        data: Which of the folders.
    """
    folder = shared.resolve() / "data" / data
    weights = str(shared.resolve() / "weights" / "mobilenet_v2.pth")
    size = 224 if data == "hymenoptera" else 128
    tasks = [Task(str(folder), weights=weights, image_size=size, seed=seed) for seed in range(repeats)]
    match name:
        case "training":
            training(folder, repeats)
        case "reaching":
            reaching(tasks)
        case "budget":
            budget(tasks)
        case "quick":
            quick(tasks[0])
        case "prediction":
            prediction(tasks)
        case _:
            absolute.MEASUREMENTS[name](folder)


def say(line: str) -> None:
    """Print a line of the table."""
    print(line, flush=True)  # noqa: T201


def training(folder: Path, repeats: int) -> None:
    """ResNet-18 from random weights, all layers, from image files."""
    names = ("our_training", "our_training_in_memory", "fastai_training", "torchvision_training")
    told = interleaved(names, [Task(str(folder), backbone="resnet18", seed=seed) for seed in range(repeats)])
    ours = speeds(told["our_training"])
    for name in names:
        theirs = speeds(told[name])
        say(f"{name}: {spread(theirs)} images/s; ours is {ratios(ours, theirs)} times that")


def reaching(tasks: list[Task], mark: float = 0.94) -> None:
    """Seconds until a mark: 0.94 on hymenoptera, elsewhere the best that fastai reaches in its three epochs."""
    for task in tasks:
        theirs = run("fastai_training", task)
        goal = mark if "hymenoptera" in task.data else best(theirs)
        with tempfile.TemporaryDirectory() as home:
            ours = run("our_training", task.but(mode="quick", epochs=10), CLASSIFOLD_HOME=home)
        mine, other = seconds_until(ours, goal), seconds_until(theirs, goal)
        bound = other or last_seconds(theirs)
        ratio = f"{bound / mine:.1f}" if mine else "-"
        say(
            f"seed {task.seed}: until {goal:.3f}: ours {mine}, fastai {other or f'not in {bound:.1f}'}, "
            f"ratio {'' if other else 'over '}{ratio}"
        )


def budget(tasks: list[Task]) -> None:
    """What we make of the time that fastai takes for its three epochs."""
    for task in tasks:
        theirs = run("fastai_training", task)
        seconds = last_seconds(theirs)
        with tempfile.TemporaryDirectory() as home:
            ours = run("our_training", task.but(budget=float(int(seconds))), CLASSIFOLD_HOME=home)
        goal = 0.94 if "hymenoptera" in task.data else best(theirs)
        say(
            f"seed {task.seed}: {seconds:.1f} s: ours {best(ours):.3f} after {last_seconds(ours):.1f} s, "
            f"fastai {best(theirs):.3f}; until {goal:.3f}: ours {seconds_until(ours, goal)} s, "
            f"fastai {seconds_until(theirs, goal)} s"
        )


def quick(task: Task) -> None:
    """The first score in quick mode, the first time and with what the network said kept."""
    with tempfile.TemporaryDirectory() as home:
        for time in ("first", "second"):
            told = run("our_training", task.but(mode="quick", epochs=6), CLASSIFOLD_HOME=home)
            say(f"{time} time: first score after {seconds_until(told, 0):.2f} s, end after {last_seconds(told):.2f} s")


def prediction(tasks: list[Task]) -> None:
    """A folder and single images."""
    with tempfile.TemporaryDirectory() as home:
        model = Path(home) / "model.safetensors"
        run("our_training", tasks[0].but(epochs=1, keep=str(model)), CLASSIFOLD_HOME=home)
        told = interleaved(("our_prediction", "timm_prediction"), [task.but(model=str(model)) for task in tasks])
    ours, theirs = speeds(told["our_prediction"]), speeds(told["timm_prediction"])
    single = [lines[-1]["single_milliseconds"] for lines in told["our_prediction"]]
    say(
        f"ours {spread(ours)}, timm {spread(theirs)} images/s: {ratios(ours, theirs)} times; single {spread(single)} ms"
    )


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
