"""`python -m tests.screenshots DIR`: drive the real window on the sample data and save a picture of every page."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from engine.config.settings import RunConfig
from gui import theme
from gui.app import make_window
from gui.main_window import DATASET, EXPORT, PREDICT, RESULTS, RUNS, TRAIN, MainWindow
from tests.event_logs import epoch_done, make_run
from tests.images import write_classes

_PAGES = {"dataset": DATASET, "train": TRAIN, "results": RESULTS, "predict": PREDICT, "runs": RUNS}
_STAR = 12
_COPIES = {"ring/ring-000.png": "star/star-900.png", "dots/dots-001.png": "dots/dots-900.png"}


def wait_until(condition: Callable[[], bool], milliseconds: int = 300) -> None:
    """Let the window work until the condition holds, and then a moment longer."""
    loop = QEventLoop()
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if condition() else None)
    timer.start(50)
    loop.exec()
    timer.stop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def save_pages(window: MainWindow, app: QApplication, folder: Path) -> None:
    """Save every page in light and dark."""
    for scheme in ("light", "dark"):
        theme.apply(app, scheme)  # type: ignore[arg-type]
        for name, number in _PAGES.items():
            window.show_page(number)
            wait_until(lambda: True, 700)
            window.grab().save(str(folder / f"{name}-{scheme}.png"))
        save_tabs(window, folder, scheme)


def save_tabs(window: MainWindow, folder: Path, scheme: str) -> None:
    """Save the tabs of the Dataset and Results pages but the first ones, and why an answer came."""
    tabs = {
        "findings": (DATASET, window.dataset_page.tabs, window.dataset_page.findings),
        "review": (DATASET, window.dataset_page.tabs, window.dataset_page.review),
        "sure": (RESULTS, window.results_page.tabs, window.results_page.calibration),
        "growth": (RESULTS, window.results_page.tabs, window.results_page.learning_curve),
        "robustness": (RESULTS, window.results_page.tabs, window.results_page.robustness),
    }
    for name, (page, bar, panel) in tabs.items():
        window.show_page(page)
        bar.setCurrentWidget(panel)
        wait_until(lambda: not window.operations.running_jobs, 700)
        window.grab().save(str(folder / f"{name}-{scheme}.png"))
        bar.setCurrentIndex(0)
    window.show_page(PREDICT)
    window.predict_page.table.selectRow(_STAR)
    window.predict_page.prediction_view.why_button.setChecked(True)
    wait_until(lambda: not window.operations.running_jobs, 1000)
    window.grab().save(str(folder / f"why-{scheme}.png"))
    window.predict_page.prediction_view.why_button.setChecked(False)


def write_cut_off_runs() -> None:
    """Leave behind two trainings as a power cut would."""
    config = RunConfig().changed("training", epochs=10)
    with tempfile.TemporaryDirectory() as folder:
        for name, num_epochs in (("leaves 2026-11-21", 0), ("ants 2026-11-24", 3)):
            root = write_classes(Path(folder) / name.split()[0], {"red": 40, "blue": 40})
            make_run(root, name, *(epoch_done(number, 10) for number in range(1, num_epochs + 1)), config=config)


def save_welcome(window: MainWindow, app: QApplication, folder: Path) -> None:
    """Save what people see at the very first start, and what the program is made of, in light and dark."""
    for scheme in ("dark", "light"):
        theme.apply(app, scheme)  # type: ignore[arg-type]
        wait_until(lambda: True)
        window.grab().save(str(folder / f"welcome-{scheme}.png"))
        about = window.show_about()
        about.search.setText("pyside")
        about.names.setCurrentRow(next(row for row in range(999) if not about.names.item(row).isHidden()))
        wait_until(lambda: True)
        about.grab().save(str(folder / f"about-{scheme}.png"))
        about.close()
    window.dataset_page.welcome.skip_button.click()


def save_export_page(window: MainWindow, app: QApplication, folder: Path, images: Path) -> None:
    """Save the Export page after an export and a sorting, while it serves, in light and dark."""
    window.show_page(EXPORT)
    export = window.export_page.export.export_to(images.parent / "model.onnx")
    window.export_page.serve.port.setValue(18008)
    window.export_page.serve.start()
    window.export_page.sort.sort(images)
    page = window.export_page
    wait_until(
        lambda: not export.is_running() and page.sort.sort_button.isEnabled() and page.serve.open_button.isVisible()
    )
    for scheme in ("light", "dark"):
        theme.apply(app, scheme)  # type: ignore[arg-type]
        wait_until(lambda: True)
        window.grab().save(str(folder / f"export-{scheme}.png"))
    page.serve.stop()
    wait_until(lambda: not window.operations.running_jobs)


def save_start(window: MainWindow, app: QApplication, folder: Path) -> None:
    """Save the start page and what the Runs page says of a training that was cut off, in light and dark."""
    for scheme in ("dark", "light"):
        theme.apply(app, scheme)  # type: ignore[arg-type]
        window.show_page(DATASET)
        wait_until(lambda: True)
        window.grab().save(str(folder / f"start-{scheme}.png"))
        window.show_page(RUNS)
        wait_until(lambda: not window.runs_page.model.is_reading())
        window.runs_page.table.selectRow(0)
        wait_until(lambda: True, 700)
        window.grab().save(str(folder / f"resume-{scheme}.png"))
    window.show_page(DATASET)


def main(folder: Path) -> None:
    """Open the sample, train on it, ask for the images held out, and save all pages."""
    app = QApplication(sys.argv[:1])
    folder.mkdir(parents=True, exist_ok=True)
    write_cut_off_runs()
    window = make_window(app)
    window.resize(1280, 800)
    window.show()
    wait_until(window.dataset_page.resume_panel.isVisible)
    save_welcome(window, app, folder)
    save_start(window, app, folder)
    window.operations.datasets.open_sample()
    wait_until(lambda: window.state.dataset is not None and not window.operations.running_jobs)
    sample = window.state.dataset
    assert sample is not None
    for source, target in _COPIES.items():  # the sample itself has nothing to be found
        shutil.copy(sample.root / "train" / source, sample.root / "train" / target)
    window.operations.datasets.open(sample.root)
    wait_until(lambda: not window.operations.running_jobs)
    window.show_page(TRAIN)
    window.train_page.train_button.click()
    wait_until(lambda: len(window.train_page.plot.history.epochs) >= 6)
    window.train_page.adjust_button.setChecked(True)
    wait_until(lambda: True, 500)
    window.grab().save(str(folder / "adjust-light.png"))
    window.train_page.adjust_button.setChecked(False)
    wait_until(lambda: window.state.training is None)
    window.show_page(PREDICT)
    window.open_paths([sample.root / "test"])
    wait_until(lambda: window.predict_page.model.rowCount() == 30 and not window.operations.running_jobs)
    window.operations.runs.compute_learning_curve()
    run = window.state.run
    assert run is not None
    window.operations.runs.measure_robustness(run)
    wait_until(lambda: not window.operations.running_jobs)
    window.operations.runs.open(run)
    save_export_page(window, app, folder, sample.root / "test")
    window.show_page(RUNS)
    window.runs_page.table.selectRow(0)
    save_pages(window, app, folder)
    wait_until(lambda: not window.operations.running_jobs)
    window.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["CLASSIFOLD_HOME"] = home
        main(Path(sys.argv[1]))
