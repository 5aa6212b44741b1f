"""Undo file of a sorted folder, and restoring the original files from it."""

import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from pydantic import AliasChoices, ConfigDict, Field, ValidationError

from engine.core.atomic_write import remove_temporary_files, saving
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.file_names import is_image_name
from engine.core.path_text import decode_path_text, path_to_text
from engine.core.progress import Ticker
from engine.core.records import FrozenModel
from engine.core.relative_path import RelativePath
from engine.core.safe_read import read_text
from engine.data.folders.sorted_mark import SORTED_MARK
from engine.sorting.file_transfer import TransferMode, has_same_content, is_about_file, move_file, remove_file

UNDO_NAME = SORTED_MARK


class UndoHeader(FrozenModel):
    """First line of an undo file."""

    model_config = ConfigDict(validate_by_name=True)

    mode: TransferMode = Field(validation_alias=AliasChoices("mode", "by"))
    source: str
    """Absolute path of the folder that was sorted."""
    made_target: bool
    """True if sorting created the target folder."""
    review: str | None = None
    """Name of the folder of images that need a person; None in files of earlier versions."""


class UndoEntry(FrozenModel):
    """One file transfer or created folder; the line is written before the action is done."""

    target: RelativePath
    source: RelativePath | None = None
    """None for a folder."""


@dataclass(frozen=True, slots=True)
class UndoResult:
    """Result of undoing a sort."""

    num_restored: int
    skipped: tuple[tuple[str, str], ...]
    """Path and reason for each file that was not restored."""


def undo(path: Path) -> Generator[Event, None, UndoResult]:
    """Undo a sort, last action first.

    Files that were changed since are skipped; then the undo file stays and can be used again, as it can after undoing
    was killed.

    Args:
        path: An undo file, or the sorted folder that contains it.

    Raises:
        EngineError: There is no undo file, it is damaged, or the source folder no longer exists.
    """
    undo_path = path / UNDO_NAME if path.is_dir() else path
    header, entries = _read_undo_file(undo_path)
    target_folder, source_folder = undo_path.absolute().parent, Path(header.source)
    if not source_folder.is_dir():
        raise EngineError("The folder that the images came from no longer exists. Create it first.", source_folder)
    skipped: list[tuple[str, str]] = []
    num_restored = 0
    ticker = Ticker("undo", len(entries))
    for number, entry in enumerate(reversed(entries), start=1):
        target = target_folder / decode_path_text(Path(entry.target))
        if entry.source is None:
            _remove_if_empty(target)
        else:
            source = source_folder / decode_path_text(Path(entry.source))
            with saving("The image", source_folder):
                try:
                    reason = _restore(source, target, target_folder, header.mode)
                except OSError as error:
                    if not is_about_file(error, source_folder):
                        raise
                    reason = f"{error.strerror or error}."
            if reason is None:
                num_restored += 1
            elif reason:
                skipped.append((path_to_text(str(target)), reason))
        yield from ticker.at(number)
    if not skipped:
        with saving("The folder", target_folder):
            undo_path.unlink()
        if header.made_target:
            _remove_if_empty(target_folder)
    return UndoResult(num_restored, tuple(skipped))


def _read_undo_file(path: Path) -> tuple[UndoHeader, list[UndoEntry]]:
    try:
        first, *rest = read_text(path).split("\n")
        header = UndoHeader.model_validate_json(first)
        lines = [line for line in rest if line.strip()]
        if lines and not _is_complete(lines[-1]):
            lines = lines[:-1]  # its action was never started
        return header, [UndoEntry.model_validate_json(line) for line in lines]
    except FileNotFoundError as error:
        raise EngineError(f"There is no undo file here. It is called {UNDO_NAME}.", path) from error
    except (OSError, ValueError, ValidationError) as error:
        raise EngineError("This undo file is damaged or not from Classifold. Nothing was moved.", path) from error


def _is_complete(line: str) -> bool:
    try:
        UndoEntry.model_validate_json(line)
    except ValidationError:
        return False
    return True


def _restore(source: Path, target: Path, root: Path, mode: TransferMode) -> str | None:
    """Undo one transfer. Return None if done, '' if there was nothing to do, or the reason why it was skipped."""
    if not is_image_name(source.name) or not target.parent.resolve().is_relative_to(root.resolve()):
        return "The undo file was changed: this is not a sorted image."
    if not os.path.lexists(target):
        return "" if os.path.lexists(source) else "It no longer exists."
    if mode == "move":
        if os.path.lexists(source):  # the move was interrupted, or the user has created a new file there
            if not has_same_content(source, target):
                return "Another file exists at its original path."
            remove_file(target, source)
            return None
        source.parent.mkdir(parents=True, exist_ok=True)
        move_file(target, source)
        return None
    if not has_same_content(source, target):
        return "It was changed, or the original image no longer exists."
    remove_file(target, source if mode == "link" else None)
    return None


def _remove_if_empty(folder: Path) -> None:
    try:
        remove_temporary_files(folder)
        folder.rmdir()
    except OSError:
        return
