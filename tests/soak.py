"""Soak test: one window trains and predicts for hours. Run by `python -m tests.soak --runs 500 --images 20000`.

Limits: in the second half of each part a line fitted to the memory rises by less than `MAX_INCREASE_MB`, and there are
no more jobs, threads and open files at the end than after the warm-up. Linux only.
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

from gui.app import make_window
from gui.job import Job
from gui.main_window import DATASET, PREDICT, RESULTS, RUNS, TRAIN, MainWindow
from tests.images import write_classes
from tests.scratch_config import scratch_config

MAX_INCREASE_MB = 20.0
_WARM_UP = 10
"""Steps after which libraries, icons, fonts and thread pools are loaded."""
_BATCH = 50
_HEADER = (
    "| part | memory at step {step} | at the end | increase in the second half (fitted line) | threads | open files "
    "| jobs left |\n|---|---|---|---|---|---|---|"
)
_CONFIG = scratch_config().changed("data", image_size=16).changed("training", epochs=1, batch_size=8, device="cpu")


@dataclass(frozen=True, slots=True)
class Sample:
    """Resources of the process after a number of steps."""

    step: int
    megabytes: float
    num_threads: int
    num_files: int
    num_jobs: int


class Soak:
    """Drives one window and samples the resources of its process."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self.window = window
        self.samples: list[Sample] = []
        self._folder = folder

    def train(self, num_runs: int) -> list[Sample]:
        """Train on a tiny dataset repeatedly, and show all pages after each run."""
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
        return self._take_samples()

    def classify(self, num_images: int) -> list[Sample]:
        """Drop batches of new image files on the Predict page, and select one prediction of each."""
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
        return self._take_samples()

    def _settle(self, condition: Callable[[], bool] = lambda: True) -> None:
        loop, timer = QEventLoop(), QTimer()
        timer.timeout.connect(lambda: loop.quit() if condition() and not self.window.operations.running_jobs else None)
        timer.start(5)
        loop.exec()
        timer.stop()

    def _sample(self, step: int) -> None:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        num_jobs = sum(issubclass(type(each), Job) for each in gc.get_objects())
        self.samples.append(Sample(step, _megabytes_in_use(), threading.active_count(), _num_open_files(), num_jobs))
        if step % 10 == 0:
            print(f"{time.strftime('%H:%M:%S')} {self.samples[-1]}", flush=True)  # noqa: T201

    def _take_samples(self) -> list[Sample]:
        samples, self.samples = self.samples, []
        return samples


def _warm_sample(samples: list[Sample]) -> Sample:
    return samples[min(_WARM_UP, len(samples) // 2)]


def _row(name: str, samples: list[Sample]) -> str:
    """Return a row of the table in docs/reliability.md."""
    warm, last = _warm_sample(samples), samples[-1]
    memory = f"{warm.megabytes:.0f} MB | {last.megabytes:.0f} MB | {memory_increase(samples):+.1f} MB"
    files, jobs = f"{warm.num_files}, {last.num_files}", f"{warm.num_jobs}, {last.num_jobs}"
    return f"| {name} | {memory} | {warm.num_threads}, {last.num_threads} | {files} | {jobs} |"


def find_leaks(samples: list[Sample]) -> list[str]:
    """Return a message for each limit that is exceeded; memory is not checked if there are too few samples."""
    warm, last = _warm_sample(samples), samples[-1]
    leaks = []
    if (increase := memory_increase(samples)) > MAX_INCREASE_MB:
        leaks.append(f"memory grew by {increase:.1f} MB over the second half")
    if last.num_threads > warm.num_threads:
        leaks.append(f"{last.num_threads - warm.num_threads} threads are left")
    if last.num_files > warm.num_files:
        leaks.append(f"{last.num_files - warm.num_files} files are left open")
    if last.num_jobs > warm.num_jobs:
        leaks.append(f"{last.num_jobs - warm.num_jobs} jobs are left alive")
    return leaks


def memory_increase(samples: list[Sample]) -> float:
    """Return the rise in MB of a line fitted to the second half of the samples; 0 if there are too few."""
    half = samples[len(samples) // 2 :]
    if len(half) < _WARM_UP:
        return 0.0
    slope = np.polyfit([sample.step for sample in half], [sample.megabytes for sample in half], 1)[0]
    return float(slope * (half[-1].step - half[0].step))


@contextmanager
def soak_window(folder: Path) -> Iterator[Soak]:
    """Open a window for a soak test that works in `folder`, and close it afterwards."""
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
    """Return the resident memory of this process that is not shared with files."""
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _num_open_files() -> int:
    """Return the number of open files without fonts, of which matplotlib keeps up to 64 open."""
    names = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the descriptor of this listing
            names.append(os.readlink(f"/proc/self/fd/{number}"))
    return sum(not name.endswith(".ttf") for name in names)


def main() -> int:
    """Run both parts, print a table of the resources, and return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--images", type=int, default=20_000)
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    leaks = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLASSIFOLD_HOME"] = str(Path(folder) / "home")
        with soak_window(Path(folder)) as soak:
            runs, images = soak.train(options.runs), soak.classify(options.images)
    print(_HEADER.format(step=_warm_sample(runs).step))  # noqa: T201
    for name, samples in ((f"{options.runs:,} runs", runs), (f"{options.images:,} images", images)):
        print(_row(name, samples))  # noqa: T201
        leaks += [f"{name}: {leak}" for leak in find_leaks(samples)]
    print("\n".join(leaks) or "No leaks.")  # noqa: T201
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main())
