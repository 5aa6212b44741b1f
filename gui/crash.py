"""What nobody caught: it goes to the log and to the window as a sentence, and the program goes on."""

import logging
import sys
import threading
from types import TracebackType

from PySide6.QtCore import QObject, Signal

logger = logging.getLogger(__name__)


class CrashReporter(QObject):
    """Takes the place of Python's hooks, which would print a traceback where nobody reads it."""

    caught = Signal(Exception)
    """What was raised, in whichever thread it was."""

    def install(self) -> None:
        """Hear from now on of what is raised in slots, in overridden methods of Qt and in threads."""
        sys.excepthook = self._on_uncaught
        threading.excepthook = self._on_uncaught_in_thread

    def _on_uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, Exception):  # Ctrl-C in the terminal that the program was started from
            sys.__excepthook__(kind, error, trace)
            return
        logger.error("Nobody caught this", exc_info=(kind, error, trace))
        self.caught.emit(error)

    def _on_uncaught_in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:  # else it is the end of the program
            self._on_uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
