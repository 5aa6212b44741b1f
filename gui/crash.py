"""Global exception hooks: log the traceback, show an error bar, continue."""

import logging
import sys
import threading
from types import TracebackType

from PySide6.QtCore import QObject, Signal

logger = logging.getLogger(__name__)


class CrashReporter(QObject):
    """Replaces Python's hooks for uncaught exceptions, which would print to a console that nobody reads."""

    caught = Signal(Exception)
    """The uncaught exception, emitted in the thread that raised it."""

    def install(self) -> None:
        """Handle uncaught exceptions of slots, overridden Qt methods and threads from now on."""
        sys.excepthook = self._on_uncaught
        threading.excepthook = self._on_uncaught_in_thread

    def _on_uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, Exception):  # Ctrl-C in the terminal that started the program
            sys.__excepthook__(kind, error, trace)
            return
        logger.error("Uncaught exception", exc_info=(kind, error, trace))
        self.caught.emit(error)

    def _on_uncaught_in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:  # None while the interpreter shuts down
            self._on_uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
