"""Sort images into a folder for each class by what a model says of them, and take that back."""

import os
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from engine.core.atomic_write import append_line, remove_temporary_files, saving
from engine.core.errors import EngineError
from engine.core.events import Event, Warned
from engine.core.file_names import is_image_name, unique_path
from engine.core.path_text import decode_path_text, path_to_text, require_utf8_path
from engine.core.progress import Ticker
from engine.core.records import FrozenModel
from engine.core.relative_path import RelativePath
from engine.core.safe_read import read_text
from engine.data.dataset import find_images
from engine.results.predictions import UNKNOWN, UNSURE, Prediction
from engine.sorting.file_transfer import (
    TransferMode,
    folder_name,
    free_path,
    has_same_content,
    move_file,
    transfer_file,
)

REVIEW = "review"
"""Folder of images that are better left to a person."""
UNDO_NAME = "classifold-sort.jsonl"


class _Begun(FrozenModel):
    """First line of an undo file."""

    model_config = ConfigDict(validate_by_name=True)

    mode: TransferMode = Field(validation_alias=AliasChoices("mode", "by"))
    source: str
    made_target: bool


class _Placed(FrozenModel):
    """A file that was about to be placed, or a folder about to be made: the line is written before it is done."""

    target: RelativePath
    source: RelativePath | None = None
    """None for a folder."""


@dataclass(frozen=True, slots=True)
class SortResult:
    """What sorting did. A folder that was sorted half-way is told of and taken back alike."""

    mode: TransferMode
    target: Path
    undo_path: Path
    num_per_folder: dict[str, int]
    """How many images went into each folder."""
    skipped: tuple[tuple[str, str], ...]
    """What stayed where it is, and why."""

    @property
    def num_sorted(self) -> int:
        """Number of images that went into any folder."""
        return sum(self.num_per_folder.values())


@dataclass(frozen=True, slots=True)
class UndoResult:
    """What taking back did."""

    num_restored: int
    skipped: tuple[tuple[str, str], ...]
    """What was left where it is, and why."""


def files_to_sort(folder: Path, target: Path) -> list[Path]:
    """Return the images below `folder` that do not lie in `target`; raise EngineError where there are none."""
    if not folder.is_dir():
        raise EngineError("This folder does not exist.", folder)
    require_utf8_path(folder)
    require_utf8_path(target)
    inside = os.path.abspath(target) + os.sep
    found = [path for path in find_images(folder) if not os.path.abspath(path).startswith(inside)]
    if not found:
        raise EngineError("There are no images in this folder.", folder)
    return found


def default_target(folder: Path) -> Path:
    """Return the folder that sorted images go to where the user names none: a new one beside theirs."""
    whole = folder.absolute()
    return unique_path(whole.with_name(f"{whole.name} sorted"))


class Sorter:
    """Places images one by one. Each is written to the undo file first."""

    def __init__(self, source: Path, target: Path, mode: TransferMode) -> None:
        self._source, self._target, self._mode = source.absolute(), target.absolute(), mode
        self._folders: dict[str, Path] = {}
        self._num_in: Counter[str] = Counter()
        self._left: list[tuple[str, str]] = []
        self.undo_path = unique_path(self._target / UNDO_NAME)
        self._has_begun = False

    @property
    def result(self) -> SortResult:
        """What was done so far."""
        return SortResult(self._mode, self._target, self.undo_path, dict(self._num_in), tuple(self._left))

    def add(self, path: Path, answer: Prediction) -> Warned | None:
        """Place an image by the model's answer; return what is to be told where it stays.

        Raises EngineError where the disk refuses.
        """
        if answer.error is not None:
            return self._leave(path, answer.error)
        if self._mode == "move" and path.is_symlink():
            return self._leave(path, "It is a link, and would lead elsewhere from another folder.")
        if not self._has_begun:
            self._begin()
        is_left = answer.decision in (UNSURE, UNKNOWN) or answer.label is None
        folder = self._folder(REVIEW if is_left else f"class {answer.label}")
        with saving("The sorted images", self._target):
            target = free_path(folder, path.name)
            source = path_to_text(os.path.relpath(path.absolute(), self._source))
            self._note(_Placed(source=source, target=path_to_text(os.path.relpath(target, self._target))))
            try:
                transfer_file(path, target, self._mode)
            except (FileNotFoundError, PermissionError) as error:
                if target.parent.is_dir() and os.access(target.parent, os.W_OK):  # so it is the image
                    return self._leave(path, f"It cannot be read now: {error.strerror}.")
                raise
        self._num_in[folder.name] += 1
        return None

    def _begin(self) -> None:
        with saving("The sorted images", self._target):
            made_target = not self._target.exists()
            self._target.mkdir(parents=True, exist_ok=True)
            self._note(_Begun(mode=self._mode, source=str(self._source), made_target=made_target))
        self._has_begun = True

    def _leave(self, path: Path, reason: str) -> Warned:
        self._left.append((path_to_text(str(path)), reason))
        return Warned(message=f"Left where it is: {reason}", path=path_to_text(str(path)))

    def _folder(self, key: str) -> Path:
        """Return the folder for a class, or for review; made where it is not there, and of a name no other has."""
        if key not in self._folders:
            taken = {path.name.casefold() for path in self._folders.values()} | {REVIEW}
            name = REVIEW if key == REVIEW else folder_name(key.removeprefix("class "))
            chosen, number = name, 1
            while key != REVIEW and chosen.casefold() in taken:
                number += 1
                chosen = f"{name}-{number}"
            folder = self._target / chosen
            with saving("The sorted images", self._target):
                if not folder.is_dir():
                    self._note(_Placed(target=chosen))
                    folder.mkdir()
            self._folders[key] = folder
        return self._folders[key]

    def _note(self, line: BaseModel) -> None:
        append_line(self.undo_path, line.model_dump_json(exclude_none=True))


def sort_predictions(
    files: Sequence[Path], sorter: Sorter, answers: Iterator[Event | Prediction]
) -> Generator[Event, None, SortResult]:
    """Place the files as their answers come."""
    by_text = {path_to_text(os.fspath(path)): path for path in files}
    for event in answers:
        if isinstance(event, Prediction):
            told = sorter.add(by_text.get(event.path, Path(event.path)), event)
            if told is not None:
                yield told
        else:
            yield event
    return sorter.result


def undo(path: Path) -> Generator[Event, None, UndoResult]:
    """Take back what the undo file at `path`, or the one in the folder `path`, tells of; the last action first.

    What the user has changed since stays, and is named; the undo file then stays too, and can be used again. Killed
    half-way it is used again as well. Raises EngineError where there is no such file.
    """
    undo_path = path / UNDO_NAME if path.is_dir() else path
    begun, lines = _read(undo_path)
    target, source = undo_path.absolute().parent, Path(begun.source)
    if not source.is_dir():
        raise EngineError("The folder that the images came from is gone. Put it back first.", source)
    left: list[tuple[str, str]] = []
    num_restored = 0
    ticker = Ticker("undo", len(lines))
    for number, line in enumerate(reversed(lines), start=1):
        place_now = target / decode_path_text(Path(line.target))
        if line.source is None:
            _remove_folder(place_now)
        else:
            with saving("The image", source):
                reason = _restore(source / decode_path_text(Path(line.source)), place_now, target, begun.mode)
            if reason is None:
                num_restored += 1
            elif reason:
                left.append((path_to_text(str(place_now)), reason))
        yield from ticker.at(number)
    if not left:
        with saving("The folder", target):
            undo_path.unlink()
        if begun.made_target:
            _remove_folder(target)
    return UndoResult(num_restored, tuple(left))


def _read(path: Path) -> tuple[_Begun, list[_Placed]]:
    try:
        first, *others = read_text(path).split("\n")
        begun = _Begun.model_validate_json(first)
        # A torn last line is of something that was not done
        lines = [line for line in others if line]
        return begun, [_Placed.model_validate_json(line) for line in (lines if _is_whole(lines) else lines[:-1])]
    except FileNotFoundError as error:
        raise EngineError("There is no undo file here. It is called classifold-sort.jsonl.", path) from error
    except (OSError, ValueError, ValidationError) as error:
        raise EngineError("This undo file is damaged, or of another program. Nothing was moved.", path) from error


def _is_whole(lines: list[str]) -> bool:
    try:
        return not lines or bool(_Placed.model_validate_json(lines[-1]))
    except ValidationError:
        return False


def _restore(source: Path, target: Path, root: Path, mode: TransferMode) -> str | None:
    """Take one action back. Return None where that was done, '' where nothing had to be, else why it was not."""
    if not is_image_name(source.name) or not target.parent.resolve().is_relative_to(root.resolve()):
        return "The undo file was changed: this is no image that was sorted."
    if not os.path.lexists(target):
        return "" if os.path.lexists(source) else "It is no longer there."
    if mode == "move":
        if os.path.lexists(source):  # stopped between the two halves of a move, or the user has put a new one there
            if not has_same_content(source, target):
                return "Another file lies where it came from."
            os.unlink(target)
            return None
        source.parent.mkdir(parents=True, exist_ok=True)
        move_file(target, source)
        return None
    if not has_same_content(source, target):
        return "It was changed since, or the image it was made from is gone."
    os.unlink(target)
    return None


def _remove_folder(folder: Path) -> None:
    """Remove a folder that was made, unless something lies in it that was not."""
    try:
        remove_temporary_files(folder)
        folder.rmdir()
    except OSError:
        return
