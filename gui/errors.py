"""Error bar above the page. Errors never open a dialog, so that they do not interrupt the user."""

import traceback

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from engine.core.errors import EngineError
from engine.core.log import system_info
from engine.core.paths import default_log_path
from engine.runs.image_folder import ImagesMissingError
from engine.runs.run_folder import Run
from gui import theme
from gui.theme import GRID


def error_message(error: Exception) -> str:
    """Return the message of an error for the user."""
    if isinstance(error, EngineError):
        return f"{error.message} ({error.path})" if error.path else error.message
    return f"Unexpected error. The details are in {default_log_path()}."


def error_details(error: Exception) -> str:
    """Return versions and traceback of an error for a bug report, without environment variables or settings."""
    return f"{system_info()}\n\n{''.join(traceback.format_exception(error))}"


class ErrorBar(QFrame):
    """Shows the latest error until the user closes it."""

    images_requested = Signal(object)
    """The Run whose images the user wants to find."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ErrorBar")
        self._details = ""
        self._run: Run | None = None
        self._icon = QLabel(self)
        self.label = QLabel(self)
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setAccessibleName("Error message")
        self.find_button = QPushButton("Find images…", self)
        self.find_button.setToolTip("Choose the folder that the images of this run are in now")
        self.find_button.clicked.connect(lambda: self.images_requested.emit(self._run))
        self.copy_button = QPushButton("Copy details", self)
        self.copy_button.setProperty("flat", True)
        self.copy_button.setToolTip("Copy the versions and the traceback for a bug report")
        self.copy_button.clicked.connect(self._on_copy)
        self._close_button = QToolButton(self)
        self._close_button.setAccessibleName("Close the message")
        self._close_button.setToolTip("Close")
        self._close_button.clicked.connect(self.clear)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, GRID, GRID, GRID)
        row.setSpacing(GRID)
        row.addWidget(self._icon)
        row.addWidget(self.label, 1)
        row.addWidget(self.find_button)
        row.addWidget(self.copy_button)
        row.addWidget(self._close_button)
        self.hide()

    def show_error(self, error: Exception) -> None:
        """Show an error."""
        self._details = error_details(error)
        self.label.setText(error_message(error))
        self._run = Run(error.run_path) if isinstance(error, ImagesMissingError) else None
        self.find_button.setVisible(self._run is not None)
        colors = theme.colors(self.palette())
        self._icon.setPixmap(theme.pixmap("warning", colors.danger, 20))
        self._close_button.setIcon(theme.icon("close", self.palette()))
        self.copy_button.setText("Copy details")
        self.show()

    def clear(self) -> None:
        """Hide the message."""
        self.hide()

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._details)
        self.copy_button.setText("Copied")
