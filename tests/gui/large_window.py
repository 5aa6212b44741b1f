"""Drive the window with little data, then with much, and print how long its handlers take.

`python -m tests.gui.large_window CLASSES IMAGES [--profile]`; exit code 1 if one takes longer than the limit.
With `--calls` it prints the highest number of calls in each step as JSON instead.
"""

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QWidget

from engine import jobs
from engine.core.events import Event
from engine.data.dataset import Dataset, scan
from engine.jobs.base import from_callable
from engine.results.model_metadata import ModelMetadata
from engine.runs.run_folder import Run
from gui.app import make_window
from gui.main_window import DATASET, EXPORT, PREDICT, RESULTS, RUNS, TRAIN
from gui.operations import models
from tests.event_logs import epoch_done, run_started
from tests.gui.large_data import NUM_EPOCHS, make_audit, make_dataset, make_runs, predict_many
from tests.gui.loop_costs import CallCounter, LoopCosts, thread_milliseconds
from tests.images import write_classes
from tests.scratch_config import scratch_config

LIMIT_MS = 50
NUM_RUNS = 200
SMALL = "little data: "


class Tour:
    """Uses every page and tab of the window as a user would.

    Args:
        app: The application.
        costs: The measurements.
    """

    def __init__(self, app: QApplication, costs: LoopCosts) -> None:
        self._costs = costs
        self._prefix = ""
        self.window = make_window(app)
        self.window.resize(1280, 800)
        self.window.show()
        self.settle()

    def run(self, dataset: Dataset, num_predictions: int, runs: Sequence[Run], prefix: str = "") -> None:
        """Visit all pages with a dataset and runs.

        Args:
            dataset: What opening its folder gives.
            num_predictions: Number of images to classify.
            runs: Runs, the first two with results.
            prefix: Beginning of the names of the steps.
        """
        self._prefix = prefix
        audit = make_audit(dataset)
        jobs.scan = lambda _path: from_callable(lambda: dataset)
        jobs.check = lambda *_: from_callable(lambda: audit)
        jobs.predict = lambda *_: predict_many(num_predictions, dataset.classes)
        jobs.resume = lambda _path: _replay(runs[1])
        models.read_metadata = lambda _path: _metadata(dataset.classes)
        self._visit_dataset(dataset.root)
        self._visit_results(runs[0])
        self._visit_predict(num_predictions)
        self._visit_runs()
        self._visit_training(runs[1])
        self._visit_rest()

    def _act(self, function: Callable[..., object], *arguments: object) -> None:
        self._costs.act(partial(function, *arguments))
        self.settle()

    def _step(self, name: str) -> None:
        """Name what follows in the measurements."""
        self._costs.step = self._prefix + name

    def settle(self) -> None:
        """Run the event loop until all jobs have ended and everything is painted."""
        operations = self.window.operations
        loop = QEventLoop()
        timer = QTimer()
        timer.timeout.connect(
            lambda: loop.quit() if not operations.running_jobs and not operations.datasets.is_rescan_scheduled else None
        )
        timer.start(20)
        loop.exec()
        timer.stop()
        QTimer.singleShot(150, loop.quit)
        loop.exec()

    def _show(self, page: int, name: str) -> None:
        """Show a page."""
        self._step(name)
        self._act(self.window.show_page, page)

    def _scroll(self, view: QAbstractItemView | QWidget) -> None:
        """Scroll from the top to the end in a few steps."""
        bar = view.verticalScrollBar()  # type: ignore[union-attr]
        for part in range(6):
            self._act(bar.setValue, bar.maximum() * part // 5)

    def _visit_dataset(self, root: Path) -> None:
        """Open the folder, and use the tabs of the Dataset page."""
        page = self.window.dataset_page
        self._show(DATASET, "start page")
        self._step("open the folder")
        self._act(self.window.open_paths, [root])
        assert self.window.state.dataset is not None
        assert self.window.state.dataset.root == root
        self._step("images")
        self._scroll(page.grid)
        self._scroll(page.classes)
        self._act(page.classes.setCurrentRow, 3)
        self._act(page.classes.setCurrentRow, 0)
        self._act(page.split_box.percent.setValue, 30)
        self._step("findings")
        self._act(page.tabs.setCurrentWidget, page.findings)
        for row in range(page.findings.list.count()):
            self._act(page.findings.list.setCurrentRow, row)
        self._scroll(page.findings.grid)
        self._step("review")
        self._act(page.tabs.setCurrentWidget, page.review)
        for key in (Qt.Key.Key_K, Qt.Key.Key_X, Qt.Key.Key_2, Qt.Key.Key_R, Qt.Key.Key_Right, Qt.Key.Key_Z):
            self._act(QTest.keyClick, page.review, key)
        self._act(page.review.class_menu.aboutToShow.emit)
        self._act(page.tabs.setCurrentIndex, 0)

    def _visit_results(self, run: Run) -> None:
        """Open a run, and use the tabs of the Results page."""
        window, page = self.window, self.window.results_page
        self._show(RESULTS, "results: empty")
        self._step("results: open")
        self._act(window.operations.runs.open, run)
        self._step("results: confusion matrix")
        viewport = page.confusion.viewport()
        for x, y in ((160, 160), (200, 180), (260, 260), (300, 200), (240, 300)):
            self._act(QTest.mouseMove, viewport, QPoint(x, y))
        self._act(
            QTest.mouseClick, viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(200, 200)
        )
        for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Return):
            self._act(QTest.keyClick, page.confusion, key)
        self._scroll(page.confusion)
        self._act(page.back_button.click)
        self._step("results: lists")
        self._scroll(page.grid)
        for view in page.findChildren(QAbstractItemView):
            self._scroll(view)
        self._step("results: tabs")
        for number in range(page.tabs.count()):
            self._act(page.tabs.setCurrentIndex, number)
        self._act(page.tabs.setCurrentIndex, 0)

    def _visit_predict(self, num_images: int) -> None:
        """Classify many images, sort them and change the limit."""
        page = self.window.predict_page
        self._show(PREDICT, "predict: empty")
        self._step("predict: stream")
        self._act(self.window.open_paths, [Path(f"/images/{number:06}.jpg") for number in range(num_images)])
        self._step("predict: sort")
        for column in (0, 1, 2):
            self._act(page.table.sortByColumn, column, Qt.SortOrder.DescendingOrder)
        self._scroll(page.table)
        self._step("predict: limit")
        for percent in (2, 3):
            self._act(page.error_limit_box.percent.setValue, percent)
        self._step("predict: rows")
        for _ in range(5):
            self._act(QTest.keyClick, page.table, Qt.Key.Key_Down)

    def _visit_runs(self) -> None:
        """Select and compare runs."""
        page = self.window.runs_page
        self._show(RUNS, "runs: list")
        self._step("runs: select")
        for row in (0, page.model.rowCount() - 1):
            self._act(page.table.selectRow, row)
        self._scroll(page.table)
        self._act(page.table.selectAll)

    def _visit_training(self, run: Run) -> None:
        """Resume a run of many epochs and follow it."""
        self._show(TRAIN, "train: empty")
        self._step("train: events")
        self._act(self.window.train_page.resume, run)
        self._act(self.window.train_page.adjust_button.setChecked, True)
        self._act(self.window.train_page.adjust_button.setChecked, False)

    def _visit_rest(self) -> None:
        """Show the Export page, resize the window and switch the theme on every page."""
        self._show(EXPORT, "export")
        for page in (DATASET, TRAIN, RESULTS, PREDICT, RUNS, EXPORT):
            self._show(page, f"page {page} again")
            self._step(f"resize {page}")
            self._act(self.window.resize, 1100, 700)
            self._act(self.window.resize, 1280, 800)
        for page in (DATASET, RESULTS, PREDICT):
            self._show(page, f"page {page} again")
            self._step(f"theme {page}")
            self._act(self.window._on_theme_toggled)


def _replay(run: Run) -> Generator[Event, None, None]:
    yield run_started(run)
    for number in range(NUM_EPOCHS - 10, NUM_EPOCHS + 1):
        time.sleep(0.1)
        yield epoch_done(number, NUM_EPOCHS).model_copy(update={"best": number == NUM_EPOCHS})


def _metadata(names: tuple[str, ...]) -> ModelMetadata:
    return ModelMetadata(
        program="0", classes=names, backbone="se_resnet", image_size=16, geometry="squash", mean=(0, 0, 0),
        std=(1, 1, 1), config=scratch_config(), best=None, created="",
    )  # fmt: skip


def measure(
    num_classes: int, num_images: int, read_cost: Callable[[], float], limit: float, is_profiled: bool = False
) -> LoopCosts:
    """Visit all pages with little data, then with much, and return the measurements; see LoopCosts."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLASSIFOLD_HOME"] = f"{folder}/home"
        roots = [write_classes(Path(folder) / name, {"red": 4, "blue": 4}) for name in ("small", "large")]
        small, large = scan(roots[0]), make_dataset(roots[1], num_classes, num_images)
        app = QApplication(sys.argv[:1])
        costs = LoopCosts(read_cost, limit, is_profiled)
        tour = Tour(app, costs)
        # The first chart of its kind takes long for any data
        tour.run(small, 8, make_runs(roots[0], small, 2), SMALL)
        tour.run(large, num_images, make_runs(roots[1], large, NUM_RUNS))
        tour.window.close()
        tour.settle()
    return costs


def main(num_classes: int, num_images: int, is_profiled: bool, counts_calls: bool) -> int:
    """Print the measurements and return the exit code."""
    if counts_calls:
        print(json.dumps(measure(num_classes, num_images, CallCounter(), math.inf).highest))  # noqa: T201
        return 0
    costs = measure(num_classes, num_images, thread_milliseconds, LIMIT_MS, is_profiled)
    for step, milliseconds in costs.highest.items():
        print(f"{milliseconds:7.1f} ms  {step}")  # noqa: T201
    too_long = [turn for turn in costs.too_high if not turn.step.startswith(SMALL)]
    for turn in too_long:
        print(f"{turn.cost:7.1f} ms  {turn.step}: {turn.calls}")  # noqa: T201
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), "--profile" in sys.argv, "--calls" in sys.argv))
