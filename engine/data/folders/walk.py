"""Walk through a folder of images: a tree of its folders and image files, without those that are no data.

Files are selected by name only; unreadable ones are reported when they are opened.
"""

import os
import stat
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.file_names import is_hidden, is_image_name
from engine.data.folders.folder_tree import Folder, Walk
from engine.data.folders.sorted_mark import SORTED_MARK, review_names

_RUN_FILES = frozenset(("model.safetensors", "split.json", "events.jsonl"))
_MAX_LOOKED_AT = 1_000
"""Entries of a skipped folder that are looked at to find out whether it contains images."""


def walk_in_steps(root: str, skip_sorted: bool = True) -> Generator[int, None, Walk]:
    """Walk through `root` and yield the number of images found so far after each folder.

    Each folder is read once: links are followed after all folders that are no links, unless they lead to a folder that
    was read already, or that contains the link.

    Args:
        root: The folder.
        skip_sorted: Skip folders that received sorted images; if `root` is one, skip its images to review.

    Raises:
        EngineError: `root` itself cannot be read.
    """
    return (yield from _Walker(root, skip_sorted).run())


class _Walker:
    def __init__(self, root: str, skip_sorted: bool) -> None:
        self._skip_sorted = skip_sorted
        self._walk = Walk(Folder(root, os.path.realpath(root)))
        self._read: dict[str, str] = {}
        """Path of each folder that was read, by its real path."""
        self._links: deque[Folder] = deque()

    def run(self) -> Generator[int, None, Walk]:
        top = self._walk.top
        yield from self._walk_from(top)
        while self._links:
            folder = self._links.popleft()
            if folder.real_path in self._read or _contains(folder.real_path, top.real_path):
                self._walk.repeated.append((folder.path, self._read.get(folder.real_path, folder.real_path)))
            else:
                yield from self._walk_from(folder)
        if self._skip_sorted and os.path.exists(os.path.join(top.path, SORTED_MARK)):
            self._drop_review_folder(top)
        return self._walk

    def _drop_review_folder(self, top: Folder) -> None:
        by_name = {folder.name: folder for folder in top.folders}
        found = [by_name[name] for name in review_names(Path(top.path)) if name in by_name]
        for folder in found[:1]:
            top.folders.remove(folder)
            top.num_images -= folder.num_images
            self._walk.review_folders.append(folder.path)

    def _walk_from(self, start: Folder) -> Generator[int, None, None]:
        waiting = [start]
        while waiting:
            folder = waiting.pop()
            if folder.real_path in self._read:  # a link has led there before
                self._walk.repeated.append((folder.path, self._read[folder.real_path]))
                continue
            self._read[folder.real_path] = folder.path
            try:
                entries = _entries(folder.path)
            except OSError as error:
                if folder.parent is None:
                    message = f"This folder cannot be read: {error.strerror or error}."
                    raise EngineError(message, Path(folder.path)) from error
                self._walk.unreadable.append(folder.path)
                continue
            if folder.parent is not None:
                if self._is_output(folder, {entry.name for entry in entries}):
                    continue
                folder.parent.folders.append(folder)
            waiting += reversed(list(self._read_entries(folder, entries)))
            _add_up(folder)
            yield self._walk.top.num_images

    def _is_output(self, folder: Folder, names: set[str]) -> bool:
        """Return True, and write the folder down, if this program wrote it."""
        if is_run_folder(names):
            self._walk.runs.append(folder.path)
            return True
        if SORTED_MARK in names and self._skip_sorted:
            self._walk.sorted_folders.append(folder.path)
            return True
        return False

    def _read_entries(self, folder: Folder, entries: Iterable[os.DirEntry[str]]) -> Iterator[Folder]:
        """Add the image files of a folder to it; yield its subfolders that are no links."""
        for entry in entries:
            if _is_folder(entry):
                if is_hidden(entry.name):
                    if _has_images(entry.path):
                        self._walk.hidden.append(entry.path)
                    continue
                in_parent = os.path.join(folder.real_path, entry.name)
                real_path = os.path.realpath(entry.path) if _may_be_link(entry) else in_parent
                child = Folder(entry.path, real_path, folder)
                if os.path.normcase(real_path) == os.path.normcase(in_parent):
                    yield child
                else:
                    self._links.append(child)
            elif is_image_name(entry.name):
                folder.images.append(entry.path)
                if entry.is_symlink():
                    self._walk.linked_images[entry.path] = os.path.realpath(entry.path)
            elif is_hidden(entry.name):
                continue
            elif os.path.splitext(entry.name)[1]:
                folder.num_other_files += 1
            else:
                folder.without_suffix.append(entry.path)


def is_run_folder(names: Iterable[str]) -> bool:
    """Return True if a folder with these entries is a run of this program."""
    present = set(names)
    return "config.json" in present and not _RUN_FILES.isdisjoint(present)


def _add_up(folder: Folder) -> None:
    above: Folder | None = folder
    while above is not None:
        above.num_images += len(folder.images)
        above = above.parent


def _entries(path: str) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or missing permissions
        return False


def _may_be_link(entry: os.DirEntry[str]) -> bool:
    """Return True for links, and for folders that Windows resolves, such as junctions and folders in the cloud."""
    if entry.is_symlink() or os.name != "nt":
        return entry.is_symlink()
    attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return bool(attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)


def _contains(folder: str, path: str) -> bool:
    """Return True if the real path of a folder is `path` or above it."""
    return path == folder or path.startswith(os.path.join(folder, ""))


def _has_images(path: str) -> bool:
    num_seen = 0
    for _, _, files in os.walk(path):
        if any(map(is_image_name, files)):
            return True
        num_seen += 1 + len(files)
        if num_seen > _MAX_LOOKED_AT:
            return False
    return False
