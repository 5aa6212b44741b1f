"""Preferences of the window that are saved between starts."""

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from engine.core.paths import home_folder
from engine.results.calibration import DEFAULT_MAX_ERROR
from gui.theme import Scheme

_MAX_RECENT = 6


class Preferences:
    """Reads and writes `window.ini` in the home folder of the program."""

    def __init__(self) -> None:
        self._store = QSettings(str(home_folder() / "window.ini"), QSettings.Format.IniFormat)

    @property
    def geometry(self) -> QByteArray | None:
        """Position and size of the window; None at the first start."""
        value = self._store.value("window/geometry")
        return value if isinstance(value, QByteArray) else None

    def set_geometry(self, geometry: QByteArray) -> None:
        """Save position and size of the window."""
        self._store.setValue("window/geometry", geometry)

    @property
    def scheme(self) -> Scheme:
        """Light, dark, or the scheme of the system."""
        value = self._store.value("window/scheme", "system")
        return "light" if value == "light" else "dark" if value == "dark" else "system"

    def set_scheme(self, scheme: Scheme) -> None:
        """Save the colour scheme."""
        self._store.setValue("window/scheme", scheme)

    @property
    def max_error(self) -> float | None:
        """Maximum error rate (0..1) among answered images; None for no limit."""
        value = self._store.value("predict/max_error", DEFAULT_MAX_ERROR)
        try:
            max_error = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return DEFAULT_MAX_ERROR
        return max_error if 0 < max_error <= 0.5 else None

    def set_max_error(self, max_error: float | None) -> None:
        """Save the maximum error rate."""
        self._store.setValue("predict/max_error", max_error or 0.0)

    @property
    def is_welcomed(self) -> bool:
        """True if the user has closed the welcome or opened a folder."""
        return str(self._store.value("welcome/seen")) == "true"

    def set_welcomed(self) -> None:
        """Save that the welcome has been seen."""
        self._store.setValue("welcome/seen", "true")

    @property
    def recent_folders(self) -> list[Path]:
        """Recently opened datasets that still exist, the latest first."""
        return [path for path in self._stored_folders() if os.path.isdir(path)]

    def add_recent_folder(self, folder: Path) -> None:
        """Add a dataset to the recent folders."""
        self._store.sync()  # another window may have added folders
        older = [path for path in self._stored_folders() if path != folder]
        self._store.setValue("recent/folders", [str(path) for path in [folder, *older][:_MAX_RECENT]])
        self._store.sync()

    def _stored_folders(self) -> list[Path]:
        value = self._store.value("recent/folders", [])
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return [Path(text) for text in texts if isinstance(text, str) and text]
