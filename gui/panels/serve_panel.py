"""Local HTTP server for predictions."""

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QLabel, QSpinBox, QWidget

from engine.core.events import Progress, Serving
from engine.core.formatting import count
from gui.job import Job
from gui.operations import Operations
from gui.state import AppState
from gui.widgets.inputs.drops import refuse_drops
from gui.widgets.labels import MutedLabel
from gui.widgets.panel import Panel

_DEFAULT_PORT = 8008


class ServePanel(Panel):
    """Starts and stops the server, and shows its address."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(
            "Local server (HTTP)",
            "Programs on this computer send an image over HTTP and receive its class. This computer only.",
            parent,
        )
        self._operations = operations
        self._job: Job | None = None
        self._url = ""
        label = QLabel("Port", self)
        self.port = QSpinBox(self)
        self.port.setRange(1024, 65535)
        self.port.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.port.setValue(_DEFAULT_PORT)
        self.port.setAccessibleName("Port")
        label.setBuddy(self.port)
        refuse_drops(self.port)
        self.start_button = self.make_button("Start", "Start the server")
        self.add_row(label, self.port, self.start_button)
        self.open_button = self.make_button("", "Open the web page of the server in the browser", "flat")
        self.copy_button = self.make_button("Copy command", "Copy a terminal command that sends an image", "flat")
        self.num_requests = MutedLabel("", self)
        self.add_row(self.open_button, self.copy_button)
        self.column.addWidget(self.num_requests)
        self.start_button.clicked.connect(self._on_start)
        self.open_button.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(self._url)))
        self.copy_button.clicked.connect(self._on_copy)
        state.model_changed.connect(self.stop)  # the running server would keep using the previous model
        self._refresh()

    def start(self) -> Job:
        """Start the server."""
        self._job = self._operations.delivery.serve(self.port.value())
        self._job.events_received.connect(self._on_events)
        self._job.finished.connect(self._on_finished)
        self._refresh()
        return self._job

    def stop(self) -> None:
        """Stop the server."""
        if self._job is not None:
            self._job.stop()

    def _on_start(self) -> None:
        if self._job is None:
            self.start()
        else:
            self.stop()

    def _on_events(self, events: list[object]) -> None:
        for event in events:
            if isinstance(event, Serving):
                self._url = event.url
            if isinstance(event, Progress):
                self.num_requests.setText(count(event.done, "request"))
        self._refresh()

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(f"curl --data-binary @image.jpg {self._url}/predict")
        self.copy_button.setText("Copied")

    def _on_finished(self) -> None:
        self._job, self._url = None, ""
        self._refresh()

    def _refresh(self) -> None:
        is_running = self._job is not None
        self.start_button.setText("Stop" if is_running else "Start")
        self.port.setEnabled(not is_running)
        self.open_button.setText(self._url)
        if not self._url:
            self.num_requests.setText("")
            self.copy_button.setText("Copy command")
        for widget in (self.open_button, self.copy_button, self.num_requests):
            widget.setVisible(bool(self._url))
