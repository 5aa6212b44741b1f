"""Sentences about what a scan has skipped, and why."""

import os

from engine.core.formatting import count, sentence_about
from engine.core.path_text import path_to_text
from engine.data.folders.folder_tree import Walk
from engine.data.folders.split_folders import Layout

_SKIPPED = "The [folder|folders] {names} [is|are] skipped"


def describe_skipped(layout: Layout, walk: Walk) -> list[str]:
    """Return a sentence for each kind of files and folders that a scan has skipped."""
    notes: list[str] = []
    for parent in layout.parents:
        num_loose = len(parent.images)
        if num_loose:
            notes.append(f"{count(num_loose, 'image')} skipped in '{parent.name}': not in a class folder.")
    empty = [folder.name for parent in layout.parents for folder in parent.folders if not folder.num_images]
    if empty:
        notes.append(sentence_about("The [folder|folders] {names} [contains|contain] no images.", empty))
    class_folders = [folder for entry in layout.classes for folder in entry.folder.with_subfolders()]
    without_suffix = [path for folder in class_folders for path in folder.without_suffix]
    kinds = (
        (walk.unreadable, "The [folder|folders] {names} cannot be read."),
        (walk.runs, f"{_SKIPPED}: written by a training."),
        (walk.sorted_folders, f"{_SKIPPED}: written by sorting. Choose [it|one] to train on it."),
        (walk.review_folders, f"{_SKIPPED}: [its|their] images need a decision of a person."),
        (walk.hidden, "The hidden or system [folder|folders] {names} [is|are] skipped."),
        ([path for path, _ in walk.repeated], "The [link|links] {names} [is|are] skipped: the target is read already."),
        (without_suffix, "The [file|files] {names} [is|are] skipped: no suffix such as .jpg."),
    )
    notes += [sentence_about(text, [_relative(walk, path) for path in paths]) for paths, text in kinds if paths]
    num_other = sum(folder.num_other_files for folder in class_folders)
    if num_other:
        notes.append(f"{count(num_other, 'other file')} skipped.")
    return notes


def _relative(walk: Walk, path: str) -> str:
    return path_to_text(path.removeprefix(os.path.join(walk.top.path, "")).replace(os.sep, "/"))
