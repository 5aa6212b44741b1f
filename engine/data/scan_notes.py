"""Sentences about what a scan has skipped, and why."""

import os
from collections.abc import Sequence

from engine.core.formatting import quoted_list
from engine.core.path_text import path_to_text
from engine.data.folder_tree import Walk
from engine.data.split_folders import Layout


def describe_skipped(layout: Layout, walk: Walk) -> list[str]:
    """Return a sentence for each kind of files and folders that a scan has skipped."""
    notes: list[str] = []
    for parent in layout.parents:
        num_loose = len(parent.images)
        if num_loose:
            images = "1 image" if num_loose == 1 else f"{num_loose:,} images"
            notes.append(f"{images} skipped in '{parent.name}': not in a class folder.")
    empty = [folder.name for parent in layout.parents for folder in parent.folders if not folder.num_images]
    if empty:
        notes.append(_sentence("The folder{s} {names} contain{no_s} no images.", empty))
    class_folders = [folder for entry in layout.classes for folder in entry.folder.with_subfolders()]
    without_suffix = [path for folder in class_folders for path in folder.without_suffix]
    kinds = (
        (walk.unreadable, "The folder{s} {names} cannot be read."),
        (walk.runs, "The folder{s} {names} {is_are} skipped: written by a training."),
        (walk.sorted_folders, "The folder{s} {names} {is_are} skipped: written by sorting. Choose it to train on it."),
        (walk.review_folders, "The folder{s} {names} {is_are} skipped: sorting put images there that need a person."),
        (walk.hidden, "The hidden or system folder{s} {names} {is_are} skipped."),
        ([path for path, _ in walk.repeated], "The link{s} {names} {is_are} skipped: the target is read already."),
        (without_suffix, "The file{s} {names} {is_are} skipped: no suffix such as .jpg."),
    )
    notes += [_sentence(text, [_relative(walk, path) for path in paths]) for paths, text in kinds if paths]
    num_other = sum(folder.num_other_files for folder in class_folders)
    if num_other:
        notes.append(f"{num_other:,} other {'file' if num_other == 1 else 'files'} skipped.")
    return notes


def _relative(walk: Walk, path: str) -> str:
    return path_to_text(path.removeprefix(os.path.join(walk.top.path, "")).replace(os.sep, "/"))


def _sentence(template: str, names: Sequence[str]) -> str:
    is_one = len(names) == 1
    return template.format(
        names=quoted_list(names),
        s="" if is_one else "s",
        no_s="s" if is_one else "",
        is_are="is" if is_one else "are",
    )
