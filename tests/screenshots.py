"""Screenshots of every page of the window: `python -m tests.screenshots DIR [--data FOLDER]`.

The images are those of the generated sample dataset, or of `--data`, which is not changed. Pages are saved in the light
and the dark theme as DIR/NAME-light.png and DIR/NAME-dark.png.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from engine.data.dataset import Dataset
from gui import theme
from gui.app import make_window
from gui.main_window import DATASET, EXPORT, PREDICT, RESULTS, RUNS, TRAIN, MainWindow
from tests.event_logs import epoch_done, make_run
from tests.images import write_classes
from tests.scratch_config import scratch_config

_PAGES = {"dataset": DATASET, "train": TRAIN, "results": RESULTS, "predict": PREDICT, "runs": RUNS}
_DUPLICATES = {"ring/ring-000.png": "star/star-900.png", "dots/dots-001.png": "dots/dots-900.png"}
"""Files of the sample dataset that are copied, since it contains nothing to report on the Findings tab."""
_NUM_PREDICTED = 30
_SELECTED_ROW = 12
_NUM_EPOCHS_ADJUST = 6
"""Number of epochs after which the settings form is shown during the training."""
_PORT = 18008


def wait_until(condition: Callable[[], bool], milliseconds: int = 300) -> None:
    """Run the event loop until the condition holds and for some milliseconds afterwards."""
    loop = QEventLoop()
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if condition() else None)
    timer.start(50)
    loop.exec()
    timer.stop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait(milliseconds: int = 300) -> None:
    """Run the event loop for some milliseconds."""
    wait_until(lambda: True, milliseconds)


class Screenshots:
    """Drives the window and saves images of it.

    Args:
        app: The application.
        folder: Folder for the images.
    """

    def __init__(self, app: QApplication, folder: Path) -> None:
        self._app, self._folder = app, folder
        self.window = make_window(app)
        self.window.resize(1280, 800)
        self.window.show()

    def save(self, name: str, scheme: str, widget: QWidget | None = None) -> None:
        """Save the window or another widget as NAME-SCHEME.png."""
        (widget or self.window).grab().save(str(self._folder / f"{name}-{scheme}.png"))

    def use_scheme(self, scheme: str) -> None:
        """Switch to the light or dark theme."""
        theme.apply(self._app, scheme)  # type: ignore[arg-type]
        wait()

    def wait_for_jobs(self, milliseconds: int = 300) -> None:
        """Wait until no job is running."""
        wait_until(lambda: not self.window.operations.running_jobs, milliseconds)

    def save_welcome(self) -> None:
        """Save the introduction of the first start and the About dialog."""
        for scheme in ("dark", "light"):
            self.use_scheme(scheme)
            self.save("welcome", scheme)
            about = self.window.show_about()
            about.search.setText("pyside")
            about.names.setCurrentRow(next(row for row in range(999) if not about.names.item(row).isHidden()))
            wait()
            self.save("about", scheme, about)
            about.close()
        self.window.dataset_page.welcome.skip_button.click()

    def save_start(self) -> None:
        """Save the start page and the Runs page with an interrupted run."""
        window = self.window
        for scheme in ("dark", "light"):
            self.use_scheme(scheme)
            window.show_page(DATASET)
            wait()
            self.save("start", scheme)
            window.show_page(RUNS)
            wait_until(lambda: not window.runs_page.is_reading())
            window.runs_page.table.selectRow(0)
            wait(700)
            self.save("interrupted", scheme)
        window.show_page(DATASET)

    def train(self) -> None:
        """Train with the default settings, and save the settings form during the training."""
        window = self.window
        window.show_page(TRAIN)
        window.train_page.train_button.click()
        wait_until(
            lambda: len(window.train_page.plot.history.epochs) >= _NUM_EPOCHS_ADJUST or window.state.training is None
        )
        window.train_page.adjust_button.setChecked(True)
        wait(500)
        self.save("adjust", "light")
        window.train_page.adjust_button.setChecked(False)
        wait_until(lambda: window.state.training is None)

    def predict_and_measure(self, images: Path) -> None:
        """Classify a folder of images, and compute the learning curve and the robustness report."""
        window = self.window
        num_images = len(list(images.rglob("*.*")))
        window.show_page(PREDICT)
        window.open_paths([images])
        wait_until(lambda: window.predict_page.model.rowCount() == num_images)
        self.wait_for_jobs()
        run = window.state.run
        assert run is not None
        window.operations.runs.compute_learning_curve()
        window.operations.runs.measure_robustness(run)
        self.wait_for_jobs()
        window.operations.runs.open(run)
        self.wait_for_jobs()  # reading the run ends after this call and would stop the server of the Export page

    def save_export(self, folder: Path, images: Path) -> None:
        """Save the Export page after an export and a sorting, while the local server runs."""
        page = self.window.export_page
        self.window.show_page(EXPORT)
        export = page.export.export_to(folder / "model.onnx")
        page.serve.port.setValue(_PORT)
        page.serve.start()
        page.sort.sort(images)
        wait_until(
            lambda: not export.is_running() and page.sort.sort_button.isEnabled() and page.serve.open_button.isVisible()
        )
        for scheme in ("light", "dark"):
            self.use_scheme(scheme)
            self.save("export", scheme)
        page.serve.stop()
        self.wait_for_jobs()

    def save_pages(self) -> None:
        """Save the pages, their tabs and the heat map of one prediction."""
        window = self.window
        window.show_page(PREDICT)
        window.predict_page.table.selectRow(min(_SELECTED_ROW, window.predict_page.model.rowCount() - 1))
        window.show_page(RUNS)
        window.runs_page.table.selectRow(0)
        for scheme in ("light", "dark"):
            self.use_scheme(scheme)
            for name, number in _PAGES.items():
                window.show_page(number)
                wait(700)
                self.save(name, scheme)
            self._save_tabs(scheme)
            self._save_heatmap(scheme)

    def _save_tabs(self, scheme: str) -> None:
        dataset_page, results_page = self.window.dataset_page, self.window.results_page
        tabs = {
            "findings": (DATASET, dataset_page.tabs, dataset_page.findings),
            "review": (DATASET, dataset_page.tabs, dataset_page.review),
            "calibration": (RESULTS, results_page.tabs, results_page.calibration),
            "learning-curve": (RESULTS, results_page.tabs, results_page.learning_curve),
            "robustness": (RESULTS, results_page.tabs, results_page.robustness),
        }
        for name, (page, bar, panel) in tabs.items():
            self.window.show_page(page)
            bar.setCurrentWidget(panel)
            self.wait_for_jobs(700)
            self.save(name, scheme)
            bar.setCurrentIndex(0)

    def _save_heatmap(self, scheme: str) -> None:
        page = self.window.predict_page
        self.window.show_page(PREDICT)
        page.prediction_view.why_button.setChecked(True)
        self.wait_for_jobs(1000)
        self.save("heatmap", scheme)
        page.prediction_view.why_button.setChecked(False)


def write_interrupted_runs() -> None:
    """Write two run folders as they are after a power cut."""
    config = scratch_config().changed("training", epochs=10)
    with tempfile.TemporaryDirectory() as folder:
        for name, num_epochs in (("leaves 2026-11-21", 0), ("ants 2026-11-24", 3)):
            root = write_classes(Path(folder) / name.split()[0], {"red": 40, "blue": 40})
            make_run(root, name, *(epoch_done(number, 10) for number in range(1, num_epochs + 1)), config=config)


def open_dataset(window: MainWindow, data: Path | None) -> Dataset:
    """Open a dataset, by default the sample with two additional duplicates, and return it."""
    operations = window.operations
    if data is None:
        operations.datasets.open_sample()
        wait_until(lambda: window.state.dataset is not None and not operations.running_jobs)
        assert window.state.dataset is not None
        data = window.state.dataset.root
        for source, target in _DUPLICATES.items():
            shutil.copy(data / "train" / source, data / "train" / target)
    operations.datasets.open(data)
    wait_until(lambda: not operations.running_jobs and not operations.datasets.is_checking)
    assert window.state.dataset is not None
    return window.state.dataset


def copy_held_out_images(dataset: Dataset, folder: Path) -> Path:
    """Copy at most 30 test or validation images of all classes into a folder; return it."""
    samples = dataset.of_split("test") or dataset.of_split("val")
    folder.mkdir()
    for number, sample in enumerate(samples[:: max(1, len(samples) // _NUM_PREDICTED)][:_NUM_PREDICTED]):
        source = dataset.root / sample.path
        shutil.copy(source, folder / f"{number:02}-{source.name}")
    return folder


def main(folder: Path, data: Path | None, home: Path) -> None:
    """Save all screenshots.

    Args:
        folder: Folder for the images.
        data: Folder of a dataset; None: the sample dataset.
        home: Home folder of the program, for temporary files.
    """
    app = QApplication(sys.argv[:1])
    folder.mkdir(parents=True, exist_ok=True)
    write_interrupted_runs()
    screenshots = Screenshots(app, folder)
    window = screenshots.window
    wait_until(window.dataset_page.resume_panel.isVisible)
    screenshots.save_welcome()
    screenshots.save_start()
    images = copy_held_out_images(open_dataset(window, data), home / "images")
    screenshots.train()
    screenshots.predict_and_measure(images)
    screenshots.save_export(home, images)
    screenshots.save_pages()
    screenshots.wait_for_jobs()
    window.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder for the images")
    parser.add_argument("--data", type=Path, help="folder of a dataset (default: the sample dataset)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home_folder:
        os.environ["CLASSIFOLD_HOME"] = home_folder
        main(options.folder, options.data and options.data.resolve(), Path(home_folder))
