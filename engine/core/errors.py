"""The exception whose message is shown to the user."""

from pathlib import Path


class EngineError(Exception):
    """An error that the user can correct.

    Every other exception of the engine is a bug and keeps its traceback.

    Args:
        message: One plain sentence that says what is wrong and what to do.
        path: The file or folder that the error is about.
    """

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
