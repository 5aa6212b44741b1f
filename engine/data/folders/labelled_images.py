"""Images of a dataset folder with the class and the split that their folders give them."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.core.formatting import listing, quoted_listing
from engine.core.relative_path import relative_path_to_text
from engine.data.class_names import class_key, folded_class_key, match_class_names, normalize_class_name
from engine.data.folders.folder_tree import Walk
from engine.data.folders.split_folders import ClassFolder, Layout
from engine.data.folders.split_names import Split

_MAX_CLAUSES = 3


class LabelledImage(NamedTuple):
    """An image file: path below the root with '/', class and split."""

    path: str
    class_name: str
    split: Split


def label_images(layout: Layout, walk: Walk) -> tuple[list[LabelledImage], list[str]]:
    """Return all images in the class folders, and notes about names and links that need an explanation.

    Folders of one split whose names look the same are one class. The folders of other splits are matched with the
    classes of the training split. A link to an image of the same class and split is left out.
    """
    names, notes = _name_classes(layout.classes)
    prefix = os.path.join(walk.top.path, "")
    images: list[LabelledImage] = []
    identities: dict[str, LabelledImage] = {}
    links: list[tuple[str, LabelledImage]] = []
    for entry in layout.classes:
        for folder in entry.folder.with_subfolders():
            for path in folder.images:
                text = relative_path_to_text(path.removeprefix(prefix).replace(os.sep, "/"))
                image = LabelledImage(text, names[id(entry)], entry.split)
                if path in walk.linked_images:
                    links.append((walk.linked_images[path], image))
                    continue
                images.append(image)
                if walk.linked_images:
                    identities[os.path.join(folder.real_path, os.path.basename(path))] = image
    return images + _resolve_links(links, identities, notes), notes


def _resolve_links(
    links: Iterable[tuple[str, LabelledImage]], identities: dict[str, LabelledImage], notes: list[str]
) -> list[LabelledImage]:
    """Return the links that are images of their own, and note images that are in two classes or splits."""
    kept: list[LabelledImage] = []
    contradictions: list[str] = []
    for target, image in sorted(links, key=lambda link: link[1].path):
        first = identities.setdefault(target, image)
        if first is image or first[1:] != image[1:]:
            kept.append(image)
        if first[1:] != image[1:]:
            contradictions.append(f"'{image.path}' and '{first.path}' are the same file")
    if contradictions:
        notes.append(f"Links put an image into two classes or splits: {_first_of(contradictions)}.")
    return kept


def _name_classes(folders: list[ClassFolder]) -> tuple[dict[int, str], list[str]]:
    """Return the class name of each class folder, by its `id`, and notes."""
    notes: list[str] = []
    first_split = folders[0].split if folders else "train"
    first = [folder for folder in folders if folder.split == first_split]
    spellings: dict[str, dict[str, None]] = {}
    for folder in first:
        spellings.setdefault(class_key(folder.name), {})[folder.name] = None
    class_of_key = {key: normalize_class_name(min(group)) for key, group in spellings.items()}
    alike = [quoted_listing(list(group)) for group in spellings.values() if len(group) > 1]
    if alike:
        notes.append(f"Folders whose names look the same are one class: {_first_of(alike)}.")
    folds: dict[str, list[str]] = {}
    for name in class_of_key.values():
        folds.setdefault(folded_class_key(name), []).append(name)
    differ_in_case = [quoted_listing(group) for group in folds.values() if len(group) > 1]
    if differ_in_case:
        notes.append(
            f"Names that differ only in letter case are classes of their own: {_first_of(differ_in_case)}. If they "
            "are one class, put their images into one folder."
        )
    names = {id(folder): class_of_key[class_key(folder.name)] for folder in first}
    others = [folder for folder in folders if folder.split != first_split]
    for split in dict.fromkeys(folder.split for folder in others):
        own = [folder for folder in others if folder.split == split]
        matches = match_class_names([folder.name for folder in own], list(class_of_key.values()))
        names |= {id(folder): matches.get(folder.name, normalize_class_name(folder.name)) for folder in own}
        changed = [f"'{name}' as '{match}'" for name, match in matches.items() if class_key(name) != class_key(match)]
        if changed:
            notes.append(f"Folders of {split} are matched without regard to letter case: {listing(changed)}.")
    return names, notes


def _first_of(clauses: Sequence[str]) -> str:
    """Return the first clauses, which may contain commas, and the number of the others."""
    more = [f"{len(clauses) - _MAX_CLAUSES:,} more"] if len(clauses) > _MAX_CLAUSES else []
    return "; ".join([*clauses[:_MAX_CLAUSES], *more])
