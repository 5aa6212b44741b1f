"""Sort images into one folder per predicted class."""

import os
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.core.atomic_write import append_line, saving
from engine.core.errors import EngineError
from engine.core.events import Event, Warned
from engine.core.file_names import unique_path
from engine.core.path_text import path_to_text, require_utf8_path
from engine.core.records import FrozenModel
from engine.data.dataset import find_images
from engine.results.predictions import UNKNOWN, UNSURE, Prediction
from engine.sorting.file_transfer import TransferMode, folder_name, free_path, transfer_file
from engine.sorting.undo import UNDO_NAME, UndoEntry, UndoHeader

REVIEW = "review"
"""Folder of images that need a person: unsure or out of distribution."""


@dataclass(frozen=True, slots=True)
class SortResult:
    """Result of sorting a folder."""

    mode: TransferMode
    target: Path
    undo_path: Path
    num_per_folder: dict[str, int]
    """Number of images sorted into each folder."""
    skipped: tuple[tuple[str, str], ...]
    """Path and reason for each image that was not sorted."""

    @property
    def num_sorted(self) -> int:
        """Number of sorted images."""
        return sum(self.num_per_folder.values())


def files_to_sort(folder: Path, target: Path) -> list[Path]:
    """Return the images below `folder` that are not inside `target`; raises EngineError if there are none."""
    if not folder.is_dir():
        raise EngineError("This folder does not exist.", folder)
    require_utf8_path(folder)
    require_utf8_path(target)
    inside = os.path.abspath(target) + os.sep
    files = [path for path in find_images(folder) if not os.path.abspath(path).startswith(inside)]
    if not files:
        raise EngineError("There are no images in this folder.", folder)
    return files


def default_target(folder: Path) -> Path:
    """Return the default target folder: a new one next to `folder`."""
    absolute = folder.absolute()
    return unique_path(absolute.with_name(f"{absolute.name} sorted"))


class Sorter:
    """Transfers images one by one, and writes each action to the undo file before it is done."""

    def __init__(self, source: Path, target: Path, mode: TransferMode) -> None:
        self._source, self._target, self._mode = source.absolute(), target.absolute(), mode
        self._folders: dict[str, Path] = {}
        self._num_per_folder: Counter[str] = Counter()
        self._skipped: list[tuple[str, str]] = []
        self.undo_path = unique_path(self._target / UNDO_NAME)
        self._has_started = False

    @property
    def result(self) -> SortResult:
        """Result so far."""
        return SortResult(self._mode, self._target, self.undo_path, dict(self._num_per_folder), tuple(self._skipped))

    def add(self, path: Path, prediction: Prediction) -> Warned | None:
        """Transfer an image into the folder of its predicted class.

        Returns:
            A warning if the image was skipped, else None.

        Raises:
            EngineError: The target folder cannot be written.
        """
        if prediction.error is not None:
            return self._skip(path, prediction.error)
        if self._mode == "move" and path.is_symlink():
            return self._skip(path, "It is a symbolic link, which may point to another file after a move.")
        if not self._has_started:
            self._start()
        needs_review = prediction.decision in (UNSURE, UNKNOWN) or prediction.label is None
        folder = self._folder(REVIEW if needs_review else f"class {prediction.label}")
        with saving("The sorted images", self._target):
            target = free_path(folder, path.name)
            source = path_to_text(os.path.relpath(path.absolute(), self._source))
            self._log(UndoEntry(source=source, target=path_to_text(os.path.relpath(target, self._target))))
            try:
                transfer_file(path, target, self._mode)
            except (FileNotFoundError, PermissionError) as error:
                if target.parent.is_dir() and os.access(target.parent, os.W_OK):  # the error is about the image
                    return self._skip(path, f"It cannot be read now: {error.strerror}.")
                raise
        self._num_per_folder[folder.name] += 1
        return None

    def _start(self) -> None:
        with saving("The sorted images", self._target):
            made_target = not self._target.exists()
            self._target.mkdir(parents=True, exist_ok=True)
            self._log(UndoHeader(mode=self._mode, source=str(self._source), made_target=made_target))
        self._has_started = True

    def _skip(self, path: Path, reason: str) -> Warned:
        self._skipped.append((path_to_text(str(path)), reason))
        return Warned(message=f"Not sorted: {reason}", path=path_to_text(str(path)))

    def _folder(self, key: str) -> Path:
        """Return the folder of a class or of the images to review; create it under an unused name if needed."""
        if key not in self._folders:
            taken = {path.name.casefold() for path in self._folders.values()} | {REVIEW}
            base_name = REVIEW if key == REVIEW else folder_name(key.removeprefix("class "))
            name, number = base_name, 1
            while key != REVIEW and name.casefold() in taken:
                number += 1
                name = f"{base_name}-{number}"
            folder = self._target / name
            with saving("The sorted images", self._target):
                if not folder.is_dir():
                    self._log(UndoEntry(target=name))
                    folder.mkdir()
            self._folders[key] = folder
        return self._folders[key]

    def _log(self, line: FrozenModel) -> None:
        append_line(self.undo_path, line.model_dump_json(exclude_none=True))


def sort_predictions(
    files: Sequence[Path], sorter: Sorter, predictions: Iterator[Event | Prediction]
) -> Generator[Event, None, SortResult]:
    """Sort each file as its prediction arrives; pass other events on."""
    path_by_text = {path_to_text(os.fspath(path)): path for path in files}
    for event in predictions:
        if isinstance(event, Prediction):
            warning = sorter.add(path_by_text.get(event.path, Path(event.path)), event)
            if warning is not None:
                yield warning
        else:
            yield event
    return sorter.result
