"""Sort images into one folder per predicted class."""

import errno
import os
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import takewhile
from pathlib import Path

from engine.core.atomic_write import append_line, saving
from engine.core.errors import EngineError
from engine.core.events import Event, Warned
from engine.core.file_names import shorten_name, unique_path
from engine.core.path_text import path_to_text, require_utf8_path
from engine.core.paths import folder_name, is_same_file
from engine.core.records import FrozenModel
from engine.core.relative_path import relative_path_to_text
from engine.data.dataset import find_images
from engine.data.folders.wrong_path import describe_file
from engine.results.predictions import Prediction
from engine.sorting.file_transfer import LinksUnsupportedError, TransferMode, is_about_file, transfer_file
from engine.sorting.folder_names import choose_folders, free_path, portable_file_name
from engine.sorting.undo import UNDO_NAME, UndoEntry, UndoHeader

_INVALID_NAME = (errno.EINVAL, errno.ENAMETOOLONG)
_FAILURES: dict[TransferMode, str] = {
    "copy": "It cannot be copied",
    "move": "It cannot be moved",
    "link": "It cannot be linked",
}
_MAX_TARGET_BYTES = 200
"""Limit of the part of the name of the target folder that the sorted folder gives."""


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
    review_folder: str
    """Name of the folder of images that need a person: unsure or out of distribution."""
    num_failed: int = 0
    """Number of skipped images that were classified but could not be copied, moved or linked."""

    @property
    def num_sorted(self) -> int:
        """Number of sorted images."""
        return sum(self.num_per_folder.values())


def files_to_sort(folder: Path, target: Path) -> list[Path]:
    """Return the images below `folder` without those in a target folder inside it.

    Raises:
        EngineError: There are none, or `target` is `folder` itself.
    """
    if not os.path.exists(folder):
        raise EngineError("This folder does not exist.", folder)
    if not os.path.isdir(folder):
        raise EngineError(f"This is {describe_file(folder)}, not a folder. Choose a folder of images.", folder)
    require_utf8_path(folder)
    require_utf8_path(target)
    is_target = cache(partial(is_same_file, other=target))
    if is_target(folder):
        raise EngineError("Images cannot be sorted into the folder they come from. Choose another target.", folder)
    files = [path for path in find_images(folder) if not any(map(is_target, _parents_below(path, folder)))]
    if not files:
        raise EngineError("There are no images in this folder.", folder)
    return files


def _parents_below(path: Path, folder: Path) -> list[Path]:
    """Return the folders that contain `path`, up to `folder`."""
    return list(takewhile(lambda parent: parent != folder, path.parents))


def default_target(folder: Path) -> Path:
    """Return the default target folder: a new one next to `folder`, or inside if it is a whole drive."""
    absolute = folder.absolute()
    return unique_path(absolute.parent / f"{shorten_name(folder_name(absolute), _MAX_TARGET_BYTES)} sorted")


class Sorter:
    """Transfers images one by one, and writes each action to the undo file before it is done."""

    def __init__(self, source: Path, target: Path, mode: TransferMode, classes: Sequence[str]) -> None:
        self._source, self._target, self._mode = source.absolute(), target.absolute(), mode
        self.undo_path = unique_path(self._target / UNDO_NAME)
        self.folders = choose_folders(classes, (self.undo_path.name, UNDO_NAME))
        self._has_folder: set[str] = set()
        self._num_per_folder: Counter[str] = Counter()
        self._num_failed = 0
        self._skipped: list[tuple[str, str]] = []
        self._has_started = False

    @property
    def result(self) -> SortResult:
        """Result so far."""
        return SortResult(
            self._mode,
            self._target,
            self.undo_path,
            dict(self._num_per_folder),
            tuple(self._skipped),
            self.folders.review,
            self._num_failed,
        )

    def add(self, path: Path, prediction: Prediction) -> Warned | None:
        """Transfer an image into the folder of its predicted class.

        Returns:
            A warning if the image was skipped, else None.

        Raises:
            EngineError: The target folder cannot be written, or it can hold no links.
        """
        if prediction.error is not None:
            return self._skip(path, prediction.error)
        if self._mode == "move" and path.is_symlink():
            return self._skip(path, "It is a symbolic link, which may point to another file after a move.")
        if not self._has_started:
            self._start()
        name = (
            self.folders.review if prediction.needs_review else self.folders.class_folders.get(prediction.label or "")
        )
        if name is None:
            raise EngineError(
                "The model file was replaced while images were sorted. Sort the rest again.", self._target
            )
        folder = self._folder(name)
        with saving("The sorted images", self._target):
            try:
                self._transfer(path, folder)
            except LinksUnsupportedError as error:
                if not self._num_per_folder:  # probably no image can be linked
                    raise
                return self._fail(path, error.message)
            except OSError as error:
                if not is_about_file(error, folder):
                    raise
                return self._fail(path, f"{_FAILURES[self._mode]}: {error.strerror or error}.")
        self._num_per_folder[name] += 1
        return None

    def _transfer(self, path: Path, folder: Path) -> None:
        """Transfer an image under its name, or under a simpler one where the file system does not allow its name."""
        source = relative_path_to_text(os.path.relpath(path.absolute(), self._source))
        for name in (path.name, portable_file_name(path.name)):
            target = free_path(folder, name)
            self._log(UndoEntry(source=source, target=relative_path_to_text(os.path.relpath(target, self._target))))
            try:
                transfer_file(path, target, self._mode)
            except OSError as error:
                if error.errno not in _INVALID_NAME or portable_file_name(name) == name:
                    raise
            else:
                return

    def _start(self) -> None:
        with saving("The sorted images", self._target):
            made_target = not self._target.exists()
            self._target.mkdir(parents=True, exist_ok=True)
            source, review = str(self._source), self.folders.review
            self._log(UndoHeader(mode=self._mode, source=source, made_target=made_target, review=review))
        self._has_started = True

    def _fail(self, path: Path, reason: str) -> Warned:
        self._num_failed += 1
        return self._skip(path, reason)

    def _skip(self, path: Path, reason: str) -> Warned:
        self._skipped.append((path_to_text(str(path)), reason))
        return Warned(message=f"Not sorted: {reason}", path=path_to_text(str(path)))

    def _folder(self, name: str) -> Path:
        """Return a folder below the target; create it if needed."""
        folder = self._target / name
        if name not in self._has_folder:
            with saving("The sorted images", self._target):
                if not folder.is_dir():
                    self._log(UndoEntry(target=name))
                    folder.mkdir()
            self._has_folder.add(name)
        return folder

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
