"""Accuracy of full fine-tuning beside quick mode, by the number of epochs: `python -m benchmarks.finetuning`.

A run that was finished is not repeated: its accuracies are read from the file of results. The command can be stopped
and started again at any time; at the end it prints the table.
"""

import itertools
import json
import statistics
import tempfile
from pathlib import Path

import tyro

from benchmarks.comparison import run_contender
from benchmarks.contenders.task import Task
from benchmarks.output import print_header, print_line, print_row

IMAGE_SIZES = {"hymenoptera": 224, "weather": 224, "sign_digits": 128, "flowers_small": 128}
"""Datasets and the side of their input images in pixels: that of the network, or less where the images are small."""

MODES = ("quick", "full")


def main(
    shared: Path = Path("../shared"),
    results: Path = Path("finetuning.jsonl"),
    backbone: str = "efficientnet_lite0",
    weights: str = "default",
    data: tuple[str, ...] = tuple(IMAGE_SIZES),
    epochs: tuple[int, ...] = (3, 5, 10),
    seeds: tuple[int, ...] = (0, 1, 2),
) -> None:
    """Train in both modes with every number of epochs and every seed, then print the table.

    Args:
        shared: Folder with the datasets in `data`.
        results: File of finished runs, one JSON object a line; new ones are appended.
        backbone: Network to train.
        weights: "default" or a file of weights.
        data: Names of the datasets.
        epochs: Numbers of epochs.
        seeds: Seeds of the training; the split is the same for all.
    """
    done = _read(results)
    with tempfile.TemporaryDirectory() as home:
        for name, num_epochs, seed, mode in itertools.product(data, epochs, seeds, MODES):
            key = _key(backbone, weights, name, num_epochs, seed, mode)
            if key not in done:
                folder, size = shared.resolve() / "data" / name, IMAGE_SIZES[name]
                task = Task(str(folder), backbone, weights, size, epochs=num_epochs, seed=seed, mode=mode)
                output = run_contender("our_training", task, CLASSIFOLD_HOME=home)
                done[key] = [line["accuracy"] for line in output if "accuracy" in line]
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"run": key, "accuracies": done[key]}) + "\n")
                print_line(f"{key}: {done[key]}")
    print_header("data", "epochs", "quick, last epoch", "full, best epoch", "full, last epoch", "full - quick, mean")
    for name, num_epochs in itertools.product(data, epochs):
        quick, full = (
            [done[_key(backbone, weights, name, num_epochs, seed, mode)] for seed in seeds] for mode in MODES
        )
        difference = statistics.mean(run[-1] for run in full) - statistics.mean(run[-1] for run in quick)
        columns = [run[-1] for run in quick], [max(run) for run in full], [run[-1] for run in full]
        cells = [", ".join(f"{accuracy:.3f}" for accuracy in column) for column in columns]
        print_row(name, num_epochs, *cells, f"{difference:+.3f}")


def _key(backbone: str, weights: str, data: str, epochs: int, seed: int, mode: str) -> str:
    return f"{backbone} from {Path(weights).name} on {data}, {epochs} epochs, seed {seed}, {mode}"


def _read(results: Path) -> dict[str, list[float]]:
    lines = results.read_text(encoding="utf-8").splitlines() if results.is_file() else []
    return {run["run"]: run["accuracies"] for run in map(json.loads, lines)}


if __name__ == "__main__":
    tyro.cli(main)
