"""Start the Qt application and its main window."""

import sys
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from engine.core.log import log_to_rotating_file
from engine.core.paths import default_log_path
from engine.runs.run_folder import Run
from gui import theme
from gui.crash import CrashReporter
from gui.main_window import DATASET, PREDICT, RESULTS, MainWindow
from gui.preferences import Preferences


def make_window(app: QApplication) -> MainWindow:
    """Apply the theme and return the main window without showing it."""
    preferences = Preferences()
    app.setApplicationName("Classifold")
    app.setDesktopFileName("classifold")
    app.setWindowIcon(theme.app_icon())
    theme.apply(app, preferences.scheme)
    return MainWindow(preferences)


def run(dataset: Path | None = None, run_path: Path | None = None) -> int:
    """Open the window, optionally with a dataset or a run, and return the exit code."""
    log_to_rotating_file(default_log_path())
    app = QApplication(sys.argv[:1])
    window = make_window(app)
    reporter = CrashReporter(window)
    # Queued, because an exception raised during painting must not trigger another painting at once
    reporter.caught.connect(window.error_bar.show_error, Qt.ConnectionType.QueuedConnection)
    reporter.install()
    if dataset is not None:
        window.show_page(DATASET)
        window.operations.datasets.open(dataset)
    if run_path is not None:
        window.operations.runs.open(Run(run_path))
        window.show_page(RESULTS if Run(run_path).results_path.is_file() else PREDICT)
    window.show()
    return app.exec()
