"""The one kind of error that people are shown."""

from pathlib import Path


class EngineError(Exception):
    """Something the user can act on: one plain sentence, perhaps with the path it is about.

    Whatever else the engine raises is a bug and keeps its traceback.
    """

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
