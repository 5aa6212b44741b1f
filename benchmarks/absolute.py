"""What is measured against a stated figure, not against another program."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from engine.config.settings import AugmentConfig
from engine.data.dataset import scan
from engine.ml.loading.augment import NUM_RANDOM_PARAMETERS, augment
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.training.setup import make_augment_options


def say(line: str) -> None:
    """Print a line of the table."""
    print(line, flush=True)  # noqa: T201


def scanning(_folder: Path) -> None:
    """Scan folders of 1,000 to 60,000 files in 20 classes, warm."""
    with tempfile.TemporaryDirectory() as folder:
        for num_files in (1_000, 10_000, 60_000):
            root = Path(folder) / str(num_files)
            for number in range(num_files):
                path = root / f"class {number % 20:02}" / f"{number}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            times = []
            for _ in range(3):
                started = time.perf_counter()
                scan(root)
                times.append(time.perf_counter() - started)
            say(f"{num_files:,} files: {min(times):.2f} s, {1e6 * min(times) / num_files:.1f} us a file")
    say(f"largest size of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def augmentation(_folder: Path) -> None:
    """Augment batches of 32 at 224 px."""
    preprocessing = Preprocessing(224, "crop", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    options = make_augment_options(AugmentConfig())
    side = preprocessing.canvas_size
    canvases = torch.randint(0, 256, (32, 3, side, side), dtype=torch.uint8)
    times = []
    for _ in range(20):
        started = time.perf_counter()
        augment(canvases, torch.ones(32), torch.rand(32, NUM_RANDOM_PARAMETERS), preprocessing, options)
        times.append(time.perf_counter() - started)
    say(f"{32 / sorted(times)[10]:.0f} images/s")


def start(_folder: Path) -> None:
    """Start the program until its window has been drawn, torch not loaded."""
    script = (
        "import sys, time; began = time.perf_counter()\n"
        "from PySide6.QtCore import QTimer\n"
        "from PySide6.QtWidgets import QApplication\n"
        "from gui.app import make_window\n"
        "app = QApplication([]); window = make_window(app); window.show(); app.processEvents()\n"
        "print(time.perf_counter() - began, 'torch' in sys.modules)\n"
    )
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"CLASSIFOLD_HOME": home, "QT_QPA_PLATFORM": "offscreen"}
        command = [sys.executable, "-c", script]
        lines = [subprocess.check_output(command, env=environment, text=True).split() for _ in range(6)][1:]
    say(f"window drawn after {sorted(float(line[0]) for line in lines)[2]:.2f} s; torch loaded: {lines[0][1]}")


def window(folder: Path) -> None:
    """Train in the window on a folder; how late a timer of 16 ms comes after the first epoch."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from benchmarks.window import stalls  # noqa: PLC0415 - Qt is for this one alone

    late = stalls(folder)
    say(f"{len(late)} ticks: p99 {late[int(0.99 * len(late))]:.0f} ms, worst {late[-1]:.0f} ms")


MEASUREMENTS: dict[str, Callable[[Path], None]] = {
    "scan": scanning,
    "augmentation": augmentation,
    "start": start,
    "window": window,
}
