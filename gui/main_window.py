"""Main window: sidebar, pages, an error bar above them and a job bar below."""

import os
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.core.errors import EngineError
from engine.runs.run_folder import Run
from gui import theme
from gui.about import AboutDialog
from gui.decoder import Decoder
from gui.errors import ErrorBar
from gui.glossary import GlossaryDialog
from gui.job import Job
from gui.operations import Operations
from gui.pages.dataset_page import DatasetPage
from gui.pages.export_page import ExportPage
from gui.pages.predict_page import PredictPage
from gui.pages.results_page import ResultsPage
from gui.pages.runs_page import RunsPage
from gui.pages.train_page import TrainPage
from gui.preferences import Preferences
from gui.state import AppState
from gui.widgets.inputs.drops import accept_copy, dropped_image, dropped_paths
from gui.widgets.job_bar import JobBar
from gui.widgets.sidebar import Sidebar

DATASET, TRAIN, RESULTS, PREDICT, RUNS, EXPORT = range(6)

_PAGES = (
    ("dataset", "Dataset", "Images, classes and findings"),
    ("train", "Train", "Train a model"),
    ("results", "Results", "Accuracy, confusion matrix and misclassified images"),
    ("predict", "Predict", "Classify images"),
    ("runs", "Runs", "Compare, resume and delete runs"),
    ("export", "Export", "Export the model, sort images, or serve predictions"),
)


class MainWindow(QMainWindow):
    """Connects the pages with each other through state and operations."""

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self._is_closing = False
        self.state = AppState(self)
        self.state.set_max_error(preferences.max_error)
        self.operations = Operations(self.state, self)
        self.sidebar = Sidebar(_PAGES, self)
        self.error_bar = ErrorBar(self)
        self.job_bar = JobBar(self)
        self.dataset_page = DatasetPage(self.state, self.operations, preferences, self)
        self.train_page = TrainPage(self.state, self.operations, self)
        self.results_page = ResultsPage(self.state, self.operations, self)
        self.predict_page = PredictPage(self.state, self.operations, self)
        self.runs_page = RunsPage(self.state, self.operations, self)
        self.export_page = ExportPage(self.state, self.operations, self)
        self.stack = QStackedWidget(self)
        self.setWindowTitle("Classifold")
        self.setWindowIcon(theme.app_icon())
        self.setMinimumSize(960, 640)
        self.resize(1280, 840)
        self.setAcceptDrops(True)
        self._lay_out()
        self._connect()
        self.show_page(DATASET)

    def show_page(self, number: int) -> None:
        """Show a page."""
        self.stack.setCurrentIndex(number)
        self.sidebar.set_current(number)

    def _lay_out(self) -> None:
        for page in (
            self.dataset_page,
            self.train_page,
            self.results_page,
            self.predict_page,
            self.runs_page,
            self.export_page,
        ):
            self.stack.addWidget(page)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.error_bar)
        right.addWidget(self.stack, 1)
        right.addWidget(self.job_bar)
        centre = QWidget(self)
        row = QHBoxLayout(centre)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.sidebar)
        row.addLayout(right, 1)
        self.setCentralWidget(centre)
        geometry = self._preferences.geometry
        if geometry is not None:
            self.restoreGeometry(geometry)

    def _connect(self) -> None:
        self.sidebar.chosen.connect(self.show_page)
        self.sidebar.theme_toggle_requested.connect(self._on_theme_toggled)
        self.sidebar.glossary_requested.connect(self.show_glossary)
        self.sidebar.about_requested.connect(self.show_about)
        self.state.max_error_changed.connect(lambda: self._preferences.set_max_error(self.state.max_error))
        self.state.dataset_changed.connect(self._on_grey_ranges_changed)
        self.state.model_changed.connect(self._on_grey_ranges_changed)
        self.operations.runner.failed.connect(self.error_bar.show_error)
        self.operations.runner.job_started.connect(self._on_job_started)
        self.job_bar.stop_requested.connect(self._on_stop_requested)
        self.dataset_page.train_requested.connect(lambda: self.show_page(TRAIN))
        self.dataset_page.resume_requested.connect(self._on_resume_requested)
        self.runs_page.resume_requested.connect(self._on_resume_requested)
        self.train_page.dataset_requested.connect(lambda: self.show_page(DATASET))
        self.train_page.results_requested.connect(lambda: self.show_page(RESULTS))
        self.train_page.predict_requested.connect(lambda: self.show_page(PREDICT))
        self.results_page.train_requested.connect(lambda: self.show_page(TRAIN))
        self.predict_page.train_requested.connect(lambda: self.show_page(TRAIN))
        self.export_page.train_requested.connect(lambda: self.show_page(TRAIN))
        self.runs_page.run_opened.connect(lambda: self.show_page(RESULTS))
        self.runs_page.settings_reused.connect(lambda: self.show_page(TRAIN))
        self.runs_page.images_requested.connect(self.find_images)
        self.error_bar.images_requested.connect(self.find_images)

    def find_images(self, run: Run) -> None:
        """Ask for the folder that the images of a run are in now, and store it in the run."""
        folder = QFileDialog.getExistingDirectory(self, f"Folder of the images of {run.name}")
        if folder:
            self.operations.runs.find_images(run, Path(folder))

    def _on_job_started(self, description: str, job: Job) -> None:
        self.error_bar.clear()
        self.job_bar.follow(description, job, is_training=description == "Training")

    def _on_resume_requested(self, run: Run) -> None:
        self.show_page(TRAIN)
        self.train_page.resume(run)

    def _on_stop_requested(self) -> None:
        self.job_bar.stop_button.setEnabled(False)
        self.operations.runs.stop()

    def _on_grey_ranges_changed(self) -> None:
        for decoder in self.findChildren(Decoder):
            decoder.set_grey_ranges(self.state.grey_ranges)

    def _on_theme_toggled(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        scheme: theme.Scheme = "light" if theme.colors(self.palette()).is_dark else "dark"
        self._preferences.set_scheme(scheme)
        theme.apply(app, scheme)

    def show_about(self) -> AboutDialog:
        """Show the About dialog, which reads the licences only now, so that the window opens faster."""
        about = AboutDialog(self)
        about.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        about.welcome_requested.connect(self._on_welcome_requested)
        about.glossary_requested.connect(self.show_glossary)
        about.show()
        return about

    def show_glossary(self) -> GlossaryDialog:
        """Show the glossary."""
        glossary = GlossaryDialog(self)
        glossary.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        glossary.show()
        return glossary

    def _on_welcome_requested(self) -> None:
        self.show_page(DATASET)
        self.dataset_page.show_welcome()

    def open_paths(self, paths: list[Path]) -> None:
        """Open dropped paths: a folder as a dataset while no model is open, everything else as images to classify."""
        if not paths:
            self.operations.report_error(
                EngineError("Only files and folders on this computer can be dropped. Save the image first.")
            )
        elif len(paths) == 1 and os.path.isdir(paths[0]) and self._opens_as_dataset():
            self.show_page(DATASET)
            self.operations.datasets.open(paths[0])
        else:
            self.show_page(PREDICT)
            self.predict_page.classify(paths)

    def _opens_as_dataset(self) -> bool:
        return self.state.model is None or self.stack.currentIndex() in (DATASET, TRAIN)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files, folders and images on every page."""
        accept_copy(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Accept them again, because some systems check at every move."""
        accept_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the dropped files and folders, or classify the dropped image."""
        if not accept_copy(event):
            return
        image = dropped_image(event.mimeData())
        if image is not None:
            self.show_page(PREDICT)
            self.predict_page.classify_image(image)
        else:
            self.open_paths(dropped_paths(event.mimeData()))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Confirm during a training, then close after every job has saved its state."""
        if self.operations.running_jobs:
            event.ignore()
            if self._is_closing:
                self._close_when_done()  # a finished job may have started another one
            elif self.state.training is None or self._confirm_stop():
                self._is_closing = True
                self.setEnabled(False)
                self.operations.shut_down()
                self._close_when_done()
            return
        self._preferences.set_geometry(self.saveGeometry())
        self.predict_page.pasted.close()
        super().closeEvent(event)

    def _close_when_done(self) -> None:
        if not self.operations.running_jobs:
            self.close()
            return
        for job in self.operations.running_jobs:
            # Connected to a method, not to a lambda, so that Qt disconnects it if the window is deleted first
            job.finished.connect(self._close_soon, Qt.ConnectionType.SingleShotConnection)

    def _close_soon(self) -> None:
        QTimer.singleShot(0, self, self.close)

    def _confirm_stop(self) -> bool:
        box = QMessageBox(self)
        box.setWindowTitle("Training is running")
        box.setText("Stop training and close?")
        box.setInformativeText("The best model so far is saved in its run folder.")
        stop = box.addButton("Stop, keep best and close", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole)
        box.exec()
        return box.clickedButton() is stop
