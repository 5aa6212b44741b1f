"""What the window remembers from one start to the next."""

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from engine.core.paths import home_folder
from engine.results.calibration import DEFAULT_MAX_ERROR
from gui.theme import Scheme

_MAX_RECENT = 6


class Preferences:
    """A thin face over an ini file beside the runs."""

    def __init__(self) -> None:
        self._store = QSettings(str(home_folder() / "window.ini"), QSettings.Format.IniFormat)

    @property
    def geometry(self) -> QByteArray | None:
        """Place and size of the window."""
        value = self._store.value("window/geometry")
        return value if isinstance(value, QByteArray) else None

    def set_geometry(self, geometry: QByteArray) -> None:
        """Remember place and size of the window."""
        self._store.setValue("window/geometry", geometry)

    @property
    def scheme(self) -> Scheme:
        """Light, dark, or as the system has it."""
        value = self._store.value("window/scheme", "system")
        return "light" if value == "light" else "dark" if value == "dark" else "system"

    def set_scheme(self, scheme: Scheme) -> None:
        """Remember the chosen scheme."""
        self._store.setValue("window/scheme", scheme)

    @property
    def max_error(self) -> float | None:
        """The share of wrong answers that the user allows; None: every image is answered."""
        value = self._store.value("predict/max_error", DEFAULT_MAX_ERROR)
        try:
            share = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return DEFAULT_MAX_ERROR
        return share if 0 < share <= 0.5 else None

    def set_max_error(self, max_error: float | None) -> None:
        """Remember the share."""
        self._store.setValue("predict/max_error", max_error or 0.0)

    @property
    def is_welcomed(self) -> bool:
        """Whether the user has put the welcome away, or opened a folder."""
        return str(self._store.value("welcome/seen")) == "true"

    def set_welcomed(self) -> None:
        """Remember that the welcome was seen."""
        self._store.setValue("welcome/seen", "true")

    @property
    def recent_folders(self) -> list[Path]:
        """Datasets opened of late that are still there, the latest first."""
        return [path for path in self._stored_folders() if os.path.isdir(path)]

    def add_recent_folder(self, folder: Path) -> None:
        """Put a dataset at the head of the recent ones."""
        self._store.sync()  # another window may have opened folders meanwhile
        others = [path for path in self._stored_folders() if path != folder]
        self._store.setValue("recent/folders", [str(path) for path in [folder, *others][:_MAX_RECENT]])
        self._store.sync()

    def _stored_folders(self) -> list[Path]:
        value = self._store.value("recent/folders", [])
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return [Path(text) for text in texts if isinstance(text, str) and text]
