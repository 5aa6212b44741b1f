"""Images without a file, pasted or dragged from a browser, stored while the window shows them."""

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from PySide6.QtGui import QImage

from engine.core.atomic_write import saving
from engine.core.errors import EngineError
from engine.core.locks import is_locked, locked
from engine.core.paths import home_folder


class PastedImages:
    """Files of one window, in a folder of their own that is locked while the window is open.

    A file is never written twice. It is deleted when the window no longer shows it or closes; what a killed program
    left behind is deleted at the next use.
    """

    def __init__(self) -> None:
        self._lock = ExitStack()
        self._folder: Path | None = None
        self._num_images = 0

    def save(self, image: QImage) -> Path:
        """Write an image as a PNG file and return its path; raises EngineError if that fails."""
        if image.isNull():
            raise EngineError("This image cannot be read. Save it as a file first.")
        with saving("The pasted image", home_folder()):
            folder = self._folder or self._make_folder()
        self._num_images += 1
        path = folder / f"pasted image {self._num_images}.png"
        if not image.save(str(path)):
            raise EngineError("The pasted image could not be saved. Free some space on the disk.", path)
        return path

    def keep_only(self, paths: Iterable[Path]) -> None:
        """Delete the images that are not among `paths`."""
        if self._folder is None:
            return
        kept = set(paths)
        for path in self._folder.glob("*.png"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Delete all images of this window."""
        self._lock.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _make_folder(self) -> Path:
        parent = home_folder() / "pasted"
        parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
        self._lock.enter_context(locked(folder))
        self._folder = folder
        return folder


def _remove_leftovers(parent: Path) -> None:
    """Delete the images of windows that did not close, and those of older versions, which lie in `parent` itself."""
    for entry in parent.iterdir():
        if not entry.is_dir():
            entry.unlink(missing_ok=True)
        elif not is_locked(entry):
            shutil.rmtree(entry, ignore_errors=True)
