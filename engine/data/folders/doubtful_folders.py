"""Layouts of a dataset folder that may be meant in several ways. Each is refused with what to change."""

from collections.abc import Sequence
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.formatting import quoted_listing, sentence_about
from engine.data.class_names import folded_class_key
from engine.data.folders.folder_tree import Folder
from engine.data.folders.split_names import is_fold_name, is_generic_name, is_session_name, is_split_name, match_splits


def refuse_doubtful_splits(root: Folder, structured: Sequence[Folder]) -> None:
    """Raise EngineError if folders are named like splits, but are none.

    Args:
        root: The folder of the dataset.
        structured: Those of its folders that are named like splits and contain class folders.
    """
    children = root.filled
    _refuse_flat_splits(root, structured)
    used = {id(child) for child in structured}
    siblings = [child for child in children if id(child) not in used]
    others = [child.name for child in siblings]
    doubtful = [child for child in structured if _looks_like_split(child, siblings)]
    if doubtful:
        names = [child.name for child in doubtful]
        them = "it" if len(names) == 1 else "them"
        subject = sentence_about("The [folder|folders] {names} [is|are] named like [a split|splits]", names)
        raise EngineError(
            f"{subject}, but {quoted_listing(others)} beside {them} {'is' if len(others) == 1 else 'are'} not. Put the "
            "training images of each class into train/CLASS and move other folders away; if these are the classes, use "
            "other names.",
            Path(root.path),
        )


def _refuse_flat_splits(root: Folder, structured: Sequence[Folder]) -> None:
    """Raise EngineError if all folders are named like splits, and contain images instead of class folders."""
    children = root.filled
    flat = [child for child in children if is_split_name(child.name) and not child.is_structured]
    are_all_named = len(children) > 1 and None not in match_splits([child.name for child in children])
    if are_all_named and (flat or not structured):
        names = [child.name for child in flat or children]
        message = (
            "The [folder|folders] {names} [is|are] named like [a split|splits] but [contains|contain] no class "
            "folders. Put the images into one folder per class, or use other names if these are the classes."
        )
        raise EngineError(sentence_about(message, names), Path(root.path))


def _looks_like_split(folder: Folder, siblings: Sequence[Folder]) -> bool:
    """Return True for a training folder, and for others whose class folders are also found beside them."""
    known = {folded_class_key(each.name) for sibling in siblings for each in (sibling, *sibling.filled)}
    inner = {folded_class_key(child.name) for child in folder.filled}
    return match_splits([folder.name]) == ["train"] or not inner.isdisjoint(known)


def refuse_undivided_classes(root: Folder, undivided: Sequence[Folder]) -> None:
    """Raise EngineError if only some of the class folders contain split folders."""
    if undivided:
        message = (
            "Some class folders contain train and other splits, but {names} [does|do] not. "
            "Give each class folder the same split folders."
        )
        raise EngineError(sentence_about(message, [child.name for child in undivided]), Path(root.path))


def refuse_doubtful_classes(root: Folder) -> None:
    """Raise EngineError if the folders inside `root` look like datasets, folds or wrappers rather than classes."""
    children = root.filled
    _refuse_flat_splits(root, [child for child in children if child.is_structured])
    datasets = [child.name for child in children if _is_dataset(child)]
    if datasets:
        message = (
            "The [folder|folders] {names} [is a dataset|are datasets] with splits of [its|their] own. "
            "Choose [it|one of them]."
        )
        raise EngineError(sentence_about(message, datasets), Path(root.path))
    folds = [child.name for child in children if is_fold_name(child.name)]
    if len(folds) > 1 and len(folds) == len(children):
        raise EngineError(
            f"The folders {quoted_listing(folds)} are named like folds of a cross-validation. Put the class "
            "folders of one into 'val' and those of the others into 'train'.",
            Path(root.path),
        )
    wrappers = [child for child in children if is_generic_name(child.name) and len(child.filled) > 1]
    if wrappers and len(children) > 1 and wrappers[0].is_structured:
        others = [child.name for child in children if child is not wrappers[0]]
        raise EngineError(
            f"The folder '{wrappers[0].name}' may contain the class folders, or be a class like "
            f"{quoted_listing(others)}. Choose the folder '{wrappers[0].name}', or rename it if it is a class.",
            Path(root.path),
        )
    _refuse_repeated_classes(root, [child for child in children if child.is_structured])


def _is_dataset(folder: Folder) -> bool:
    """Return True if a folder contains split folders that contain class folders."""
    words = match_splits([child.name for child in folder.filled])
    splits = {word for word, child in zip(words, folder.filled) if child.is_structured}
    return "train" in splits and len(splits - {None}) > 1


def _refuse_repeated_classes(root: Folder, structured: Sequence[Folder]) -> None:
    """Raise EngineError if folders contain class folders of the same names, like several datasets or parts of one."""
    names = {folded_class_key(child.name) for child in root.filled}
    owners: dict[str, list[Folder]] = {}
    for child in structured:
        inner = {folded_class_key(folder.name): folder.name for folder in child.filled}
        repeated = [name for key, name in inner.items() if key in names and key != folded_class_key(child.name)]
        if len(repeated) > 1 or len(repeated) == len(inner):
            raise EngineError(
                f"The folder '{child.name}' contains class folders with the names of those beside it "
                f"({quoted_listing(repeated)}). Put their images together, or move '{child.name}' away.",
                Path(root.path),
            )
        for key in inner:
            owners.setdefault(key, []).append(child)
    shared = {key for key, folders in owners.items() if len(folders) > 1}
    holders = [child for child in structured if _num_shared(child, shared) > 1]
    if len(holders) > 1 and not _are_classes_with_sessions(holders, shared):
        shown = [folder.name for folder in holders[0].filled if folded_class_key(folder.name) in shared]
        parts = quoted_listing([child.name for child in holders])
        raise EngineError(
            f"The folders {parts} contain the same class folders ({quoted_listing(shown)}), like several datasets or "
            "parts of one. Choose one of them, or name the parts train, val and test; if these are the classes, put "
            "their images directly into them.",
            Path(root.path),
        )


def _num_shared(folder: Folder, shared: set[str]) -> int:
    """Return the number of shared class folders inside a folder, or 0 if they are less than half of all."""
    num_shared = sum(folded_class_key(child.name) in shared for child in folder.filled)
    return num_shared if 2 * num_shared >= len(folder.filled) else 0


def _are_classes_with_sessions(holders: Sequence[Folder], shared: set[str]) -> bool:
    """Return True if the inner folders repeat because each class was photographed on the same days, or the like."""
    if all(is_session_name(child.name) or is_fold_name(child.name) or is_generic_name(child.name) for child in holders):
        return False
    return all(map(is_session_name, shared)) or len(holders) > 2 * len(shared)
