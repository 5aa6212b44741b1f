"""Files of the label log: in the dataset folder, or in the home folder if the dataset cannot be written to."""

import errno
import hashlib
import heapq
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from engine.core.atomic_write import append_line
from engine.core.errors import EngineError
from engine.core.formatting import count, listing
from engine.core.path_text import path_to_text
from engine.core.paths import home_folder, is_same_file
from engine.core.safe_read import check_regular_file, check_utf8, read_text

LABEL_LOG_NAME = "classifold-labels.jsonl"

_NOT_WRITABLE = frozenset((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT))
_ROOT = "root"
"""Key of the first line of a log in the home folder: the dataset folder it belongs to."""
_MAX_LINE_BYTES = 100_000
_MAX_LOST = 3

Entry: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LabelLog:
    """Entries of both logs of a dataset, oldest first."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    """Sentences about logs in the home folder and lines that were ignored."""


def label_log_path(root: Path) -> Path:
    """Return the path of the label log of a dataset folder."""
    return root / LABEL_LOG_NAME


def home_log_path(root: Path) -> Path:
    """Return the path of the label log in the home folder, used if the dataset folder cannot be written to.

    It is named after the path of the folder. A log of the same folder under another path, such as one in another letter
    case or through a mount, is used too.
    """
    folder = os.path.normcase(os.path.realpath(root))
    path = _home_logs() / f"{hashlib.sha256(folder.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.jsonl"
    if not path.exists():
        for other, former in _roots_of_home_logs():
            if is_same_file(Path(former), root):
                return other
    return path


def read_label_log(root: Path) -> LabelLog:
    """Read both logs of a dataset folder, merged by time.

    Raises:
        EngineError: A log exists but cannot be read.
    """
    notes: list[str] = []
    inside = _read_entries(label_log_path(root), notes)
    at_home = [entry for entry in _read_entries(home_log_path(root), notes) if _ROOT not in entry]
    if at_home:
        notes.append(
            f"Corrections are kept in {path_to_text(str(home_log_path(root)))} instead of {LABEL_LOG_NAME}, because "
            "this folder could not be written to."
        )
    else:
        notes += _notes_on_moved_folders(root)
    merged = heapq.merge(_with_times(inside), _with_times(at_home), key=lambda pair: pair[0])
    return LabelLog(tuple(entry for _, entry in merged), tuple(notes))


def append_entry(root: Path, entry: Entry) -> Path:
    """Append an entry to the log in the dataset folder, or in the home folder if the former cannot be written to.

    Returns:
        The log that holds the entry.

    Raises:
        EngineError: Neither can be written.
    """
    path, home_path = label_log_path(root), home_log_path(root)
    try:
        _append(path, entry)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise EngineError(f"The label log cannot be written: {error.strerror or error}.", path) from error
    else:
        return path
    try:
        home_path.parent.mkdir(parents=True, exist_ok=True)
        if not home_path.exists():
            _append(home_path, {_ROOT: path_to_text(os.path.realpath(root))})
        _append(home_path, entry)
    except OSError as error:
        raise EngineError(
            f"The label log cannot be written, neither in the dataset folder nor in {home_path.parent}: "
            f"{error.strerror or error}.",
            path,
        ) from error
    return home_path


def _append(path: Path, entry: Entry) -> None:
    check_utf8(path)
    append_line(path, json.dumps(entry, ensure_ascii=False))


def _home_logs() -> Path:
    return home_folder() / "labels"


def _read_entries(path: Path, notes: list[str]) -> list[Entry]:
    """Return the entries of a log; invalid lines are skipped, and noted unless it is the last one after a crash."""
    try:
        lines = read_text(path, errors="replace").split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise EngineError(f"The label log cannot be read: {error.strerror or error}.", path) from error
    entries = [_parse(line) for line in lines]
    num_invalid = sum(entry is None and bool(line.strip()) for entry, line in zip(entries[:-1], lines))
    if num_invalid:
        verb = "is" if num_invalid == 1 else "are"
        notes.append(f"{count(num_invalid, 'line')} {verb} not valid and ignored in {path.name}.")
    return [entry for entry in entries if entry is not None]


def _parse(line: str) -> Entry | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _with_times(entries: list[Entry]) -> Iterator[tuple[str, Entry]]:
    """Yield entries with a time that never falls; an entry without a time has that of the one before."""
    latest = ""
    for entry in entries:
        time = entry.get("time")
        latest = max(latest, time if isinstance(time, str) else "")
        yield latest, entry


def _roots_of_home_logs() -> Iterator[tuple[Path, str]]:
    """Yield each log in the home folder and the path that its dataset folder had."""
    for path in sorted(_home_logs().glob("*.jsonl")):
        try:
            check_regular_file(path)
            with open(path, "rb") as file:
                first = _parse(file.readline(_MAX_LINE_BYTES).decode("utf-8-sig", "replace")) or {}
        except OSError:
            continue
        root = first.get(_ROOT)
        if isinstance(root, str):
            yield path, root


def _notes_on_moved_folders(root: Path) -> list[str]:
    """Return at most one note, about logs in the home folder whose dataset had the same name and no longer exists."""
    name, advice = root.resolve().name, f"copy the file into it as {LABEL_LOG_NAME}"
    found = [(path, former) for path, former in _roots_of_home_logs() if Path(former).name == name]
    lost = [(path_to_text(str(path)), former) for path, former in found if not os.path.exists(former)]
    if len(lost) == 1:
        ((path, former),) = lost
        return [
            f"Corrections of '{former}', which no longer exists, are kept in {path}. If that was this folder, "
            f"{advice}, or rename it to {home_log_path(root).name}."
        ]
    if not lost:
        return []
    files = listing([f"{path} (of '{former}')" for path, former in lost], _MAX_LOST)
    return [f"Corrections of folders that no longer exist are kept in {files}. If one was this folder, {advice}."]
