"""Layout of a dataset folder: which folders are splits and which are classes.

A split folder contains class folders; a class folder contains images. A folder that contains all others is a wrapper.
Layouts that may be meant in several ways are refused, see `engine.data.folders.doubtful_folders`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.formatting import count, quoted_listing, sentence_about
from engine.core.path_text import path_to_text
from engine.data.class_names import folded_class_key
from engine.data.folders.doubtful_folders import (
    refuse_doubtful_classes,
    refuse_doubtful_splits,
    refuse_undivided_classes,
)
from engine.data.folders.folder_tree import Folder
from engine.data.folders.split_names import SPLITS, Split, is_split_name, match_splits, splits_of_names


@dataclass(frozen=True, slots=True)
class ClassFolder:
    """A folder whose images, also those in folders inside, are of one class and one split."""

    split: Split
    name: str
    """Name of the folder as text."""
    folder: Folder


@dataclass(slots=True)
class Layout:
    """Class folders of a dataset, and sentences about what was understood or left out."""

    classes: list[ClassFolder] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parents: list[Folder] = field(default_factory=list)
    """Folders above the class folders; images directly inside have no class."""

    def add(self, split: Split, parent: Folder) -> None:
        """Add the folders inside `parent` as classes of a split."""
        self.classes += [ClassFolder(split, folder.name, folder) for folder in parent.filled]


def find_layout(top: Folder) -> Layout:
    """Return the layout of a folder.

    Raises:
        EngineError: The folders may be meant in several ways.
    """
    layout = Layout()
    root = _unwrap(top, top, layout)
    children = root.filled
    splits = find_splits(children)
    if _are_splits(splits, children):
        _read_splits(root, splits, layout)
        return layout
    refuse_doubtful_splits(root, [folder for _, folder in splits])
    if any(map(_is_divided, children)):
        refuse_undivided_classes(root, [child for child in children if not _is_divided(child)])
        _read_divided_classes(children, layout)
        return layout
    refuse_doubtful_classes(root)
    layout.add("train", root)
    _note_classes(root, children, layout)
    return layout


def find_splits(children: Sequence[Folder]) -> list[tuple[Split, Folder]]:
    """Return the folders that are named like splits and contain class folders, training first."""
    words = match_splits([child.name for child in children])
    named = [(word, child) for word, child in zip(words, children) if word is not None and child.is_structured]
    splits = zip(splits_of_names([word for word, _ in named]), [child for _, child in named])
    return sorted(splits, key=lambda pair: pair[0] != "train")


def _unwrap(folder: Folder, top: Folder, layout: Layout, classes: frozenset[str] = frozenset()) -> Folder:
    """Return the folder that contains the class or split folders, which may be below wrappers.

    Args:
        folder: The outermost folder.
        top: The folder of the dataset.
        layout: Gets a note and the folders above the classes.
        classes: Keys of names that are known to be classes and therefore no wrappers.
    """
    inner = folder
    layout.parents.append(inner)
    while len(inner.filled) == 1 and inner.filled[0].is_structured:
        (only,) = inner.filled
        is_only_split = is_split_name(only.name) and not is_split_name(inner.name)
        if is_only_split or folded_class_key(only.name) in classes:
            break
        inner = only
        layout.parents.append(inner)
    if inner is not folder:
        inside = path_to_text(os.path.relpath(inner.path, top.path).replace(os.sep, "/"))
        layout.notes.append(f"The classes are read from the folder '{inside}'.")
    return inner


def _class_keys(folder: Folder) -> frozenset[str]:
    inner = _unwrap(folder, folder, Layout())
    return frozenset(folded_class_key(child.name) for child in [*folder.filled, *inner.filled])


def _are_splits(splits: Sequence[tuple[Split, Folder]], children: Sequence[Folder]) -> bool:
    """Return True if the folders named like splits are splits: nothing else is there, or they have common classes."""
    if all(word is not None for word in match_splits([child.name for child in children])):
        return any(split == "train" for split, _ in splits) or 0 < len(splits) == len(children)
    trains = [_class_keys(folder) for split, folder in splits if split == "train"]
    others = [_class_keys(folder) for split, folder in splits if split != "train"]
    return any(train & other for train in trains for other in others)


def _read_splits(root: Folder, splits: Sequence[tuple[Split, Folder]], layout: Layout) -> None:
    _refuse_two_of_one(root, splits)
    known: frozenset[str] = frozenset()
    for split, folder in splits:
        parent = _unwrap(folder, root, layout, known)
        names = frozenset(folded_class_key(child.name) for child in parent.filled)
        if split == "train":
            refuse_doubtful_classes(parent)
            known = names
        elif split == "val" and known and not known & names:
            raise EngineError(
                f"The folders '{splits[0][1].name}' and '{folder.name}' have no class in common. Give the folder of "
                "each class the same name in both.",
                Path(root.path),
            )
        layout.add(split, parent)
    used = {id(folder) for _, folder in splits}
    left_out = [child for child in root.filled if id(child) not in used]
    for is_named, reason in ((True, "[contains|contain] no class folders"), (False, "[is|are] not [a split|splits]")):
        folders = [child for child in left_out if is_split_name(child.name) == is_named]
        if folders:
            images = count(sum(child.num_images for child in folders), "image")
            template = f"The [folder|folders] {{names}} {reason} and [is|are] left out ({images})."
            layout.notes.append(sentence_about(template, [child.name for child in folders]))
    _note_classes(root, [entry.folder for entry in layout.classes], layout)


def _refuse_two_of_one(root: Folder, splits: Sequence[tuple[Split, Folder]]) -> None:
    for split in SPLITS:
        names = [folder.name for other, folder in splits if other == split]
        if len(names) > 1:
            raise EngineError(
                f"The folders {quoted_listing(names)} look like the {split} split. Put the images of all "
                "into one of them, or move the others away.",
                Path(root.path),
            )


def _is_divided(folder: Folder) -> bool:
    """Return True for a class folder with split folders inside, which contain its images."""
    inside = folder.filled
    words = match_splits([child.name for child in inside])
    return folder.is_structured and "train" in words and None not in words and not any(c.is_structured for c in inside)


def _read_divided_classes(children: Sequence[Folder], layout: Layout) -> None:
    for child in children:
        layout.parents.append(child)
        inside = child.filled
        words = match_splits([folder.name for folder in inside])
        splits = splits_of_names([word for word in words if word is not None])
        layout.classes += [ClassFolder(split, child.name, folder) for split, folder in zip(splits, inside)]
    layout.notes.append("The split folders are read from inside the class folders.")


def _note_classes(root: Folder, children: Sequence[Folder], layout: Layout) -> None:
    """Note what may surprise: folders inside classes, and a class that is named like a split."""
    named = [child.name for child in root.filled if is_split_name(child.name) and child in children]
    if named:
        layout.notes.append(
            sentence_about("{names} [is|are] read as [a class|classes], not as [a split|splits] of the dataset.", named)
        )
    nested = [child for child in children if child.filled]
    if nested:
        inner = nested[0].filled[0]
        all_nested = len(nested) == len(children) > 1
        advice = " To train on the inner folders, choose one of the class folders." if all_nested else ""
        layout.notes.append(
            f"Folders inside class folders are no classes of their own: '{nested[0].name}/{inner.name}' belongs to "
            f"'{nested[0].name}'.{advice}"
        )
