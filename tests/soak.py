"""`python -m tests.soak --runs 500 --images 20000`: one window works for long; memory, threads and files must stay.

Held to: over the second half of each part the line through the memory in use rises by less than `MAX_GROWTH_MB`, no
job is left alive, and not one thread or open file more is there at the end than after the warm-up. Linux alone.
"""

import argparse
import gc
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from engine.config.settings import RunConfig
from gui.app import make_window
from gui.job import Job
from gui.main_window import DATASET, PREDICT, RESULTS, RUNS, TRAIN, MainWindow
from tests.images import write_classes

MAX_GROWTH_MB = 20.0
_WARM_UP = 10
"""Steps after which everything that is kept for good is there: libraries, icons, fonts, pools of threads."""
_BATCH = 50
_CONFIG = RunConfig().changed("data", image_size=16).changed("training", epochs=1, batch_size=8, device="cpu")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds after so many steps."""

    step: int
    megabytes: float
    num_threads: int
    num_files: int
    num_jobs: int


class Soak:
    """Drives one window and samples what its process holds."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self.window = window
        self.samples: list[Sample] = []
        self._folder = folder

    def train(self, num_runs: int) -> list[Sample]:
        """Train on a tiny folder again and again, looking at all pages after each run."""
        window = self.window
        window.open_paths([write_classes(self._folder / "data", {"red": 8, "blue": 8})])
        self._settle(lambda: window.state.dataset is not None)
        window.state.set_config(_CONFIG)
        for step in range(1, num_runs + 1):
            window.show_page(TRAIN)
            window.train_page.train_button.click()
            self._settle(lambda: window.state.training is None)
            for page in (RESULTS, RUNS, DATASET):
                window.show_page(page)
                self._settle()
            self._sample(step)
        return self._taken()

    def classify(self, num_images: int) -> list[Sample]:
        """Drop batches of images that were never seen before, and look at the answers."""
        window, source = self.window, self._folder / "data" / "red" / "000.png"
        window.show_page(PREDICT)
        for step, first in enumerate(range(0, num_images, _BATCH), 1):
            batch = self._folder / f"batch {step}"
            batch.mkdir()
            paths = [batch / f"{number}.png" for number in range(first, min(first + _BATCH, num_images))]
            for path in paths:
                os.link(source, path)
            window.open_paths(paths)
            table = window.predict_page.model
            self._settle(lambda: table.rowCount() == len(paths))  # noqa: B023 - called before the next step
            window.predict_page.table.selectRow(len(paths) // 2)
            self._settle()
            shutil.rmtree(batch)
            self._sample(step)
        return self._taken()

    def _settle(self, condition: Callable[[], bool] = lambda: True) -> None:
        loop, timer = QEventLoop(), QTimer()
        timer.timeout.connect(lambda: loop.quit() if condition() and not self.window.operations.running_jobs else None)
        timer.start(5)
        loop.exec()
        timer.stop()

    def _sample(self, step: int) -> None:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        num_jobs = sum(issubclass(type(thing), Job) for thing in gc.get_objects())
        self.samples.append(Sample(step, _megabytes_in_use(), threading.active_count(), _num_open_files(), num_jobs))
        if step % 10 == 0:
            print(f"{time.strftime('%H:%M:%S')} {self.samples[-1]}", flush=True)  # noqa: T201

    def _taken(self) -> list[Sample]:
        taken, self.samples = self.samples, []
        return taken


def faults(samples: list[Sample]) -> list[str]:
    """Return what was not held, in words; without enough samples for a line, growth is not judged."""
    warm, last = samples[min(_WARM_UP, len(samples) // 2)], samples[-1]
    found = []
    if (growth := growth_mb(samples)) > MAX_GROWTH_MB:
        found.append(f"memory grew by {growth:.1f} MB over the second half")
    if last.num_threads > warm.num_threads:
        found.append(f"{last.num_threads - warm.num_threads} threads are left")
    if last.num_files > warm.num_files:
        found.append(f"{last.num_files - warm.num_files} files are left open")
    if last.num_jobs > warm.num_jobs:
        found.append(f"{last.num_jobs - warm.num_jobs} jobs are left alive")
    return found


def growth_mb(samples: list[Sample]) -> float:
    """Return by how much a line fitted to the second half of the samples rises, in MB."""
    half = samples[len(samples) // 2 :]
    if len(half) < _WARM_UP:
        return 0.0
    slope = np.polyfit([sample.step for sample in half], [sample.megabytes for sample in half], 1)[0]
    return float(slope * (half[-1].step - half[0].step))


@contextmanager
def soaked(folder: Path) -> Iterator[Soak]:
    """Give a window that works in `folder`, and close it."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    window = make_window(app)
    window.show()
    soak = Soak(window, folder)
    try:
        yield soak
    finally:
        window.close()
        window.deleteLater()


def _megabytes_in_use() -> float:
    """Return the resident memory of this process that is its own, not shared with a file."""
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _num_open_files() -> int:
    """Return how many files are open, but for the fonts of matplotlib: it keeps up to 64 for the threads that drew."""
    names = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one of listing itself
            names.append(os.readlink(f"/proc/self/fd/{number}"))
    return sum(not name.endswith(".ttf") for name in names)


def main() -> int:
    """Run both parts, print what was held and return 1 where something grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--images", type=int, default=20_000)
    asked = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLASSIFOLD_HOME"] = str(Path(folder) / "home")
        with soaked(Path(folder)) as soak:
            parts = (("runs", soak.train(asked.runs)), ("images", soak.classify(asked.images)))
        for name, samples in parts:
            warm, last = samples[min(_WARM_UP, len(samples) // 2)], samples[-1]
            print(f"{name}: {warm}\n   -> {last}\n   second half: {growth_mb(samples):+.1f} MB")  # noqa: T201
            found += [f"{name}: {fault}" for fault in faults(samples)]
    print("\n".join(found) or "Nothing grew.")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
