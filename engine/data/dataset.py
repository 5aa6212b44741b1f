"""Read a folder of images into an immutable index of files, classes and splits."""

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
    """One image file: its path below the root, the index of its class and its split."""

    path: str
    label: int
    split: Split = "train"
    group: int | None = None
    """Number of the copies or shots that stay together in a split."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A scanned folder. `classes` are the names of the training split; every other split is matched by name."""

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    """Sentences about what was left out and what looks odd."""
    has_val: bool = False
    """Whether the folder brings its own validation split."""

    def of_split(self, split: Split) -> tuple[Sample, ...]:
        """Return the samples of one split."""
        return tuple(sample for sample in self.samples if sample.split == split)

    def counts(self, split: Split | None = None) -> list[int]:
        """Return the number of images per class, of one split or of all."""
        counter = Counter(sample.label for sample in self.samples if split in (None, sample.split))
        return [counter[label] for label in range(len(self.classes))]

    def without(self, paths: frozenset[str]) -> "Dataset":
        """Return the dataset without the samples of these paths."""
        return replace(self, samples=tuple(sample for sample in self.samples if sample.path not in paths))

    def relabelled(self, path: str, class_name: str) -> "Dataset":
        """Return the dataset with one sample in another of its classes."""
        label = self.classes.index(class_name)
        return replace(self, samples=tuple(replace(s, label=label) if s.path == path else s for s in self.samples))


def scan(root: Path, is_corrected: bool = True) -> Dataset:
    """Read the folder at `root`, whose layout is class/*.jpg or train/class/*.jpg with val/ and perhaps test/.

    Files are judged by their names and not opened. What the journal of corrections says holds, see
    `engine.data.label_overrides`, unless `is_corrected` is False. Raises EngineError where no class can be found.
    """
    return run_to_end(scan_in_steps(root, is_corrected))


def scan_in_steps(root: Path, is_corrected: bool = True) -> Generator[int, None, Dataset]:
    """Do what `scan` does, yielding the number of images found after every folder."""
    if not os.path.exists(root):
        raise EngineError("This folder does not exist.", root)
    if not os.path.isdir(root):
        raise EngineError(
            "This is a file, not a folder. Choose the folder that holds one folder of images a class.", root
        )
    require_utf8_path(root)
    splits = _split_folders(_subfolders(root))
    notes: list[str] = []
    samples: list[tuple[str, str, Split]] = []
    for folder, split in splits or [(root, "train")]:
        yield from _scan_classes(root, folder, split, samples, notes)
    return _build(root, _corrected(root, samples, notes) if is_corrected else samples, notes)


def find_images(folder: Path) -> list[Path]:
    """Return every visible image below `folder`, sorted, and the folders that cannot be read, as if they were some."""
    return sorted((Path(path) for path, kind in _walk(folder) if kind != "other"), key=Path.as_posix)


def require_trainable(dataset: Dataset) -> None:
    """Raise EngineError where the dataset cannot be trained on and validated with."""
    if len(dataset.classes) < 2:
        raise EngineError(
            f"There is only one class, '{dataset.classes[0]}'. Add a folder of images for at least one more.",
            dataset.root,
        )
    if len(dataset.classes) > MAX_CLASSES:
        raise EngineError(
            f"There are {len(dataset.classes):,} classes, and {MAX_CLASSES:,} are the most that can be learnt.",
            dataset.root,
        )
    if not dataset.of_split("val"):
        raise EngineError("No image is left to validate on: add images, at least two in one class.", dataset.root)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return what is visible in a folder; raise EngineError where it cannot be read."""
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
    except OSError:  # a link that leads back to itself, or where nobody may look
        return False


def _num_loose_images(folder: Path) -> int:
    return sum(not _is_folder(entry) and is_image_name(entry.name) for entry in _entries(folder))


def _split_folders(tops: list[Path]) -> list[tuple[Path, Split]]:
    """Return the split folders, or nothing where the folders are classes.

    A class may be called "train": only a `train` with folders inside and none but splits beside it is a split.
    """
    found = [(path, SPLIT_FOLDERS[path.name.lower()]) for path in tops if path.name.lower() in SPLIT_FOLDERS]
    trains = [path for path, split in found if split == "train"]
    is_split = len(found) == len(tops) and len(trains) == 1 and bool(_subfolders(trains[0]))
    return sorted(found, key=lambda pair: pair[1] != "train") if is_split else []


def _scan_classes(
    root: Path, folder: Path, split: Split, samples: list[tuple[str, str, Split]], notes: list[str]
) -> Generator[int, None, None]:
    num_loose = _num_loose_images(folder)
    if num_loose:
        notes.append(
            f"{num_loose} {_images(num_loose)} directly in '{path_to_text(folder.name)}' left out: "
            "no class folder says what they show."
        )
    num_strays = 0
    for class_folder in _subfolders(folder):
        num_before, class_name = len(samples), path_to_text(class_folder.name)
        for found, kind in _walk(class_folder):
            path = path_to_text(os.path.relpath(found, root).replace(os.sep, "/"))
            if kind == "image":
                samples.append((path, class_name, split))
            elif kind == "locked":
                notes.append(f"The folder '{path}' cannot be read and is left out.")
            else:
                num_strays += 1
        if len(samples) == num_before:
            notes.append(f"The folder '{class_name}' holds no images and is left out.")
        yield len(samples)
    if num_strays:
        notes.append(f"{num_strays} {'file is' if num_strays == 1 else 'files are'} left out: no images.")


def _images(count: int) -> str:
    return "image" if count == 1 else "images"


_Kind: TypeAlias = Literal["image", "locked", "other"]


def _walk(folder: Path) -> Iterator[tuple[str, _Kind]]:
    """Yield each visible thing below `folder` that is no folder one can look into; links in circles are walked once.

    What is named like an image counts as one, be it a pipe: whoever opens it finds out, and says so by its name.
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
            yield current, "locked"
            continue
        for entry in entries:
            if _is_folder(entry):
                waiting.append(entry.path)
            else:
                yield entry.path, "image" if is_image_name(entry.name) else "other"


def _corrected(root: Path, found: list[tuple[str, str, Split]], notes: list[str]) -> list[tuple[str, str, Split]]:
    decisions = read_decisions(root)
    if not decisions:
        return found
    classes = frozenset(name for _, name, split in found if split == "train")
    names, told = apply_decisions([(path, name) for path, name, _ in found], decisions, classes)
    notes += told
    kept = [(path, name, split) for (path, _, split), name in zip(found, names) if name is not None]
    left = {name for _, name, split in kept if split == "train"}
    notes += [f"Class '{name}' has no training images left." for name in sorted(classes - left)]
    return kept


def _build(root: Path, found: list[tuple[str, str, Split]], notes: list[str]) -> Dataset:
    classes = tuple(sorted({name for _, name, split in found if split == "train"}))
    if not classes:
        raise EngineError(_why_no_classes(root), root)
    labels = {name: label for label, name in enumerate(classes)}
    splits = {split for _, _, split in found}
    for split in splits - {"train"}:
        here = {name for _, name, other in found if other == split}
        notes += [
            f"Class '{name}' of {split} is left out: it has no training images." for name in sorted(here - set(classes))
        ]
        notes += [f"Class '{name}' has no images in {split}." for name in sorted(set(classes) - here)]
    samples = sorted((path, labels[name], split) for path, name, split in found if name in labels)
    counts = Counter(label for _, label, split in samples if split == "train")
    alone = [classes[label] for label, count in sorted(counts.items()) if count == 1]
    notes += [f"Class '{name}' has a single training image." for name in alone]
    return Dataset(root, classes, tuple(Sample(*row) for row in samples), tuple(notes), "val" in splits)


def _why_no_classes(root: Path) -> str:
    advice = "Make one folder a class and put its images inside."
    if _num_loose_images(root):
        return f"The images lie directly in this folder, so nothing says what they show. {advice}"
    return f"There are no images in this folder. {advice}"
