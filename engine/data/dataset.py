"""Dataset index: image files, classes and splits of a folder."""

import os
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.file_names import is_hidden, is_image_name
from engine.core.path_text import path_to_text, require_utf8_path
from engine.data.class_names import MAX_CLASSES
from engine.data.grey_range import GreyRanges
from engine.data.label_overrides import apply_decisions, read_decisions

Split: TypeAlias = Literal["train", "val", "test"]

SPLIT_FOLDERS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One image: path below the root with '/', index of its class, and split."""

    path: str
    label: int
    split: Split = "train"
    group: int | None = None
    """Number of the group of duplicates that stays on one side of the split."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A scanned folder. `classes` are those of the training split; other splits are matched by class name."""

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    """Sentences about skipped files and other irregularities."""
    has_val: bool = False
    """True if the folder has its own validation split."""
    grey_ranges: GreyRanges | None = None
    """Ranges of images with more than 8 bits per channel; None before the images were fingerprinted."""

    def of_split(self, split: Split) -> tuple[Sample, ...]:
        """Return the samples of one split."""
        return tuple(sample for sample in self.samples if sample.split == split)

    def counts(self, split: Split | None = None) -> list[int]:
        """Return the number of images per class, for one split or for all splits."""
        counter = Counter(sample.label for sample in self.samples if split in (None, sample.split))
        return [counter[label] for label in range(len(self.classes))]

    def without(self, paths: frozenset[str]) -> "Dataset":
        """Return the dataset without the samples at `paths`."""
        return replace(self, samples=tuple(sample for sample in self.samples if sample.path not in paths))

    def relabelled(self, path: str, class_name: str) -> "Dataset":
        """Return the dataset with one sample moved to another class."""
        label = self.classes.index(class_name)
        return replace(self, samples=tuple(replace(s, label=label) if s.path == path else s for s in self.samples))


def scan(root: Path, is_corrected: bool = True) -> Dataset:
    """Scan a dataset folder. Images are recognised by file name and not opened.

    Args:
        root: Folder with the layout class/*.jpg, or train/class/*.jpg with val/ and optionally test/.
        is_corrected: Apply the label log, see `engine.data.label_overrides`.

    Raises:
        EngineError: The folder cannot be read or contains no classes.
    """
    return run_to_end(scan_in_steps(root, is_corrected))


def scan_in_steps(root: Path, is_corrected: bool = True) -> Generator[int, None, Dataset]:
    """Scan as `scan` does and yield the number of images found so far after each class."""
    if not os.path.exists(root):
        raise EngineError("This folder does not exist.", root)
    if not os.path.isdir(root):
        raise EngineError("This is a file, not a folder. Choose a folder that contains one folder per class.", root)
    require_utf8_path(root)
    splits = _split_folders(_subfolders(root))
    notes: list[str] = []
    samples: list[tuple[str, str, Split]] = []
    for folder, split in splits or [(root, "train")]:
        yield from _scan_classes(root, folder, split, samples, notes)
    return _build(root, _apply_label_log(root, samples, notes) if is_corrected else samples, notes)


def find_images(folder: Path) -> list[Path]:
    """Return all visible images below `folder`, sorted; folders that cannot be read are returned like images."""
    return sorted((Path(path) for path, kind in _walk(folder) if kind != "other"), key=Path.as_posix)


def require_trainable(dataset: Dataset) -> None:
    """Raise EngineError if the dataset has too few or too many classes or no validation images."""
    if len(dataset.classes) < 2:
        raise EngineError(
            f"There is only one class, '{dataset.classes[0]}'. Add a folder of images for at least one more.",
            dataset.root,
        )
    if len(dataset.classes) > MAX_CLASSES:
        raise EngineError(
            f"There are {len(dataset.classes):,} classes. The limit is {MAX_CLASSES:,}.",
            dataset.root,
        )
    if not dataset.of_split("val"):
        raise EngineError("There are no validation images. Add images, at least two in one class.", dataset.root)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return the visible entries of a folder; raise EngineError if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        raise EngineError(f"This folder cannot be read: {error.strerror or error}.", Path(folder)) from error


def _subfolders(folder: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in _entries(folder) if _is_folder(entry))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or missing permissions
        return False


def _num_loose_images(folder: Path) -> int:
    return sum(not _is_folder(entry) and is_image_name(entry.name) for entry in _entries(folder))


def _split_folders(tops: list[Path]) -> list[tuple[Path, Split]]:
    """Return the split folders, or an empty list if the folders are classes.

    A class may be called "train": the folders are splits only if all of them are named like splits and `train` has
    subfolders.
    """
    splits = [(path, SPLIT_FOLDERS[path.name.lower()]) for path in tops if path.name.lower() in SPLIT_FOLDERS]
    trains = [path for path, split in splits if split == "train"]
    is_split = len(splits) == len(tops) and len(trains) == 1 and bool(_subfolders(trains[0]))
    return sorted(splits, key=lambda pair: pair[1] != "train") if is_split else []


def _scan_classes(
    root: Path, folder: Path, split: Split, samples: list[tuple[str, str, Split]], notes: list[str]
) -> Generator[int, None, None]:
    num_loose = _num_loose_images(folder)
    if num_loose:
        notes.append(
            f"{num_loose} {_images(num_loose)} skipped in '{path_to_text(folder.name)}': not in a class folder."
        )
    num_other_files = 0
    for class_folder in _subfolders(folder):
        num_before, class_name = len(samples), path_to_text(class_folder.name)
        for file, kind in _walk(class_folder):
            path = path_to_text(os.path.relpath(file, root).replace(os.sep, "/"))
            if kind == "image":
                samples.append((path, class_name, split))
            elif kind == "unreadable":
                notes.append(f"The folder '{path}' cannot be read.")
            else:
                num_other_files += 1
        if len(samples) == num_before:
            notes.append(f"The folder '{class_name}' contains no images.")
        yield len(samples)
    if num_other_files:
        notes.append(f"{num_other_files} other {'file' if num_other_files == 1 else 'files'} skipped.")


def _images(count: int) -> str:
    return "image" if count == 1 else "images"


_Kind: TypeAlias = Literal["image", "unreadable", "other"]


def _walk(folder: Path) -> Iterator[tuple[str, _Kind]]:
    """Yield the visible files and unreadable folders below `folder`; circular links are followed once.

    Files are selected by name only; unreadable ones are reported when they are opened.
    """
    seen: set[str] = set()
    waiting = [os.fspath(folder)]
    while waiting:
        current = waiting.pop()
        real = os.path.realpath(current)
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = _entries(current)
        except EngineError:
            yield current, "unreadable"
            continue
        for entry in entries:
            if _is_folder(entry):
                waiting.append(entry.path)
            else:
                yield entry.path, "image" if is_image_name(entry.name) else "other"


def _apply_label_log(
    root: Path, images: list[tuple[str, str, Split]], notes: list[str]
) -> list[tuple[str, str, Split]]:
    decisions = read_decisions(root)
    if not decisions:
        return images
    classes = frozenset(name for _, name, split in images if split == "train")
    names, log_notes = apply_decisions([(path, name) for path, name, _ in images], decisions, classes)
    notes += log_notes
    kept = [(path, name, split) for (path, _, split), name in zip(images, names) if name is not None]
    remaining = {name for _, name, split in kept if split == "train"}
    notes += [f"Class '{name}' has no training images left." for name in sorted(classes - remaining)]
    return kept


def _build(root: Path, images: list[tuple[str, str, Split]], notes: list[str]) -> Dataset:
    classes = tuple(sorted({name for _, name, split in images if split == "train"}))
    if not classes:
        raise EngineError(_no_classes_message(root), root)
    labels = {name: label for label, name in enumerate(classes)}
    splits = {split for _, _, split in images}
    for split in splits - {"train"}:
        present = {name for _, name, other in images if other == split}
        notes += [
            f"Class '{name}' of {split} skipped: it has no training images." for name in sorted(present - set(classes))
        ]
        notes += [f"Class '{name}' has no images in {split}." for name in sorted(set(classes) - present)]
    samples = sorted((path, labels[name], split) for path, name, split in images if name in labels)
    counts = Counter(label for _, label, split in samples if split == "train")
    single = [classes[label] for label, count in sorted(counts.items()) if count == 1]
    notes += [f"Class '{name}' has only one training image." for name in single]
    return Dataset(root, classes, tuple(Sample(*row) for row in samples), tuple(notes), "val" in splits)


def _no_classes_message(root: Path) -> str:
    advice = "Create one folder per class and put its images inside."
    if _num_loose_images(root):
        return f"This folder has no class folders. {advice}"
    return f"There are no images in this folder. {advice}"
