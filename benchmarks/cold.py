"""Time from the start of a process to its first answer: `python -m benchmarks.cold --shared FOLDER`.

The commands take turns, so that load of the machine affects all alike. The measure is `import torch, torchvision`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import tyro

from benchmarks.comparison import median_and_range, ratios
from benchmarks.output import print_header, print_row
from engine.config.backbones import BACKBONES
from engine.config.settings import RunConfig
from engine.ml.models.build import build_model
from engine.ml.models.model_file import make_metadata, save_model
from engine.ml.models.preprocessing import Preprocessing

NETWORKS = ("se_resnet", "efficientnet_lite0", "mobilenet_v2")
"""Two networks of the program and one of torchvision; the weights are random."""
IMPORT = "import torch, torchvision"
"""The command that the others are compared with."""


def main(shared: Path = Path("../shared"), repeats: int = 5, train: bool = True) -> None:
    """Print the seconds until one image is classified, and until the first batch of a training is done.

    Args:
        shared: Folder with data/hymenoptera.
        repeats: Number of turns.
        train: Also measure a training.
    """
    data = shared.resolve() / "data" / "hymenoptera"
    image = min(data.rglob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, Callable[[], float]] = {
            IMPORT: partial(_time_of, "-c", IMPORT),
            "import torch": partial(_time_of, "-c", "import torch"),
        }
        for name in NETWORKS:
            model = _write_model(name, Path(folder))
            commands[f"predict, {name}"] = partial(_time_of, "-m", "engine", "predict", str(model), str(image))
        if train:
            commands[f"train {NETWORKS[0]} until the first batch"] = partial(_time_to_first_batch, data, NETWORKS[0])
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(repeats):
            for name, measure in commands.items():
                seconds[name].append(measure())
    print_header("command", "seconds", "ratio")
    for name, values in seconds.items():
        print_row(name, median_and_range(values, 2), ratios(values, seconds[IMPORT]))


def _write_model(name: str, folder: Path) -> Path:
    row = BACKBONES[name]
    preprocessing = Preprocessing(row.image_size, "crop", row.mean, row.std)
    config = RunConfig().changed("model", backbone=name).changed("data", image_size=row.image_size)
    metadata = make_metadata(config, ("a", "b"), preprocessing, torch.float32, None, None)
    path = folder / f"{name}.safetensors"
    save_model(path, build_model(name, 2, row.image_size, 0.1), metadata)
    return path


def _time_of(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def _time_to_first_batch(data: Path, name: str) -> float:
    """Return the seconds until the first step of a training is done; the caches of the program are empty."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--out", f"{folder}/run", "--events", "--model.backbone", name, "--model.weights", "none"]
        command = [sys.executable, "-m", "engine", "train", str(data), *arguments, "--training.epochs", "1"]
        environment = os.environ | {"CLASSIFOLD_HOME": folder}
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "progress" and event["stage"] == "train" and event["done"] > 0:
                    seconds = time.perf_counter() - start
                    process.kill()
                    return seconds
    raise RuntimeError(f"{name} was not trained")


if __name__ == "__main__":
    tyro.cli(main)
