"""Benchmarks without a comparison: scan, augmentation, start-up and responsiveness of the window."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.output import print_line
from engine.config.augmentation import AugmentConfig
from engine.data.dataset import scan
from engine.ml.loading.augment import NUM_RANDOM_PARAMETERS, augment
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.training.setup import make_augment_options

_START_SCRIPT = """
import sys, time; start = time.perf_counter()
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from gui.app import make_window
app = QApplication([]); window = make_window(app); window.show(); app.processEvents()
print(time.perf_counter() - start, 'torch' in sys.modules)
"""


def measure_scan(_folder: Path) -> None:
    """Measure the scan of 1,000 to 60,000 files in 20 classes, with a warm disk cache."""
    with tempfile.TemporaryDirectory() as folder:
        for num_files in (1_000, 10_000, 60_000):
            root = Path(folder) / str(num_files)
            for number in range(num_files):
                path = root / f"class {number % 20:02}" / f"{number}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            times = []
            for _ in range(3):
                start = time.perf_counter()
                scan(root)
                times.append(time.perf_counter() - start)
            print_line(f"{num_files:,} files: {min(times):.2f} s, {1e6 * min(times) / num_files:.1f} µs per file")
    print_line(f"peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def measure_augmentation(_folder: Path) -> None:
    """Measure the augmentation of batches of 32 images at 224 px."""
    preprocessing = Preprocessing(224, "crop", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    options = make_augment_options(AugmentConfig())
    side = preprocessing.canvas_size
    canvases = torch.randint(0, 256, (32, 3, side, side), dtype=torch.uint8)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        augment(canvases, torch.ones(32), torch.rand(32, NUM_RANDOM_PARAMETERS), preprocessing, options)
        times.append(time.perf_counter() - start)
    print_line(f"{32 / sorted(times)[10]:.0f} images/s")


def measure_start(_folder: Path) -> None:
    """Measure the time from the first import in a new interpreter to a drawn window: median of five."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"CLASSIFOLD_HOME": home, "QT_QPA_PLATFORM": "offscreen"}
        command = [sys.executable, "-c", _START_SCRIPT]
        lines = [subprocess.check_output(command, env=environment, text=True).split() for _ in range(6)][1:]
    print_line(f"window drawn after {sorted(float(line[0]) for line in lines)[2]:.2f} s; torch loaded: {lines[0][1]}")


def measure_window(folder: Path) -> None:
    """Measure the intervals of a 16 ms timer in the window while a network trains, after the first epoch."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from benchmarks.window import timer_intervals  # noqa: PLC0415 - only this benchmark needs Qt

    intervals = timer_intervals(folder)
    p99 = intervals[int(0.99 * len(intervals))]
    print_line(f"{len(intervals)} intervals: p99 {p99:.0f} ms, maximum {intervals[-1]:.0f} ms")


BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "scan": measure_scan,
    "augmentation": measure_augmentation,
    "start": measure_start,
    "window": measure_window,
}
