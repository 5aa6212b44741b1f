"""Dataset index: image files, classes and splits of a folder."""

import os
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.formatting import count
from engine.core.path_text import require_utf8_path
from engine.data.class_names import MAX_CLASSES, natural_key
from engine.data.folders.class_notes import describe_lost_classes, describe_missing_classes
from engine.data.folders.folder_tree import Walk
from engine.data.folders.labelled_images import LabelledImage, label_images
from engine.data.folders.scan_notes import describe_skipped
from engine.data.folders.split_folders import find_layout
from engine.data.folders.split_names import Split
from engine.data.folders.walk import is_run_folder, walk_in_steps
from engine.data.folders.wrong_path import not_a_folder_message
from engine.data.groups.photo_groups import SplitGroup
from engine.data.label_log import read_label_log
from engine.data.label_overrides import apply_decisions, last_decisions
from engine.data.pixels.grey_range import GreyRanges
from engine.data.similar_paths import SimilarPaths


@dataclass(frozen=True, slots=True)
class Sample:
    """One image: path below the root with '/', index of its class, and split."""

    path: str
    label: int
    split: Split = "train"
    group: int | None = None
    """Number of the group that stays on one side of the split."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A scanned folder.

    `classes` are those of the training split, in natural order; other splits are matched by class name. A folder with
    nothing but validation or test images has the classes of these.
    """

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    """Sentences about skipped files and other irregularities."""
    has_val: bool = False
    """True if the folder has its own validation split."""
    grey_ranges: GreyRanges | None = None
    """Ranges of images with more than 8 bits per channel; None before the images were fingerprinted."""
    unmatched: tuple[tuple[str, str, Split], ...] = ()
    """Path, class name and split of the images of val/ and test/ whose class has no training images."""
    left_out: tuple[str, ...] = ()
    """Paths of images of val/ and test/ that a training leaves out, as they are copies of images it learns from."""
    groups: tuple[SplitGroup, ...] = ()
    """Reasons of each group of a drawn split, by group number."""
    grouping: str = ""
    """Number of groups that the split was drawn with, by kind; empty for none."""

    @property
    def paths(self) -> list[str]:
        """Paths of all images."""
        return [sample.path for sample in self.samples]

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
        root: Folder with the layout class/*.jpg, or train/class/*.jpg with val/ and optionally test/; see
            `engine.data.folders.split_folders`.
        is_corrected: Apply the label log, see `engine.data.label_overrides`.

    Raises:
        EngineError: The folder cannot be read, contains no classes, or may be meant in several ways.
    """
    return run_to_end(scan_in_steps(root, is_corrected))


def scan_in_steps(root: Path, is_corrected: bool = True) -> Generator[int, None, Dataset]:
    """Scan as `scan` does and yield the number of images found so far after each folder."""
    if not os.path.exists(root):
        raise EngineError("This folder does not exist.", root)
    if not os.path.isdir(root):
        raise EngineError(not_a_folder_message(root), root)
    require_utf8_path(root)
    walk = yield from walk_in_steps(os.fspath(root))
    layout = find_layout(walk.top)
    images, notes = label_images(layout, walk)
    notes = [*layout.notes, *notes, *describe_skipped(layout, walk)]
    if not images:
        raise EngineError(_no_classes_message(root, walk), root)
    return _build(root, _apply_label_log(root, images, notes) if is_corrected else images, notes)


def find_images(folder: Path) -> list[Path]:
    """Return all visible images below `folder`, sorted; folders that cannot be read are returned like images.

    Run folders of this program are skipped, unless `folder` is one.
    """
    walk = run_to_end(walk_in_steps(os.fspath(folder), skip_sorted=False))
    paths = [path for part in walk.top.with_subfolders() for path in part.images]
    return sorted(map(Path, [*paths, *walk.unreadable]), key=Path.as_posix)


def require_trainable(dataset: Dataset) -> None:
    """Raise EngineError if the dataset has too few or too many classes, or no training or validation images."""
    if not dataset.of_split("train"):
        raise EngineError(
            "There are only validation or test images here. Add training images in a folder 'train', or choose the "
            "folder of the split itself to train on its images.",
            dataset.root,
        )
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


def _apply_label_log(root: Path, images: list[LabelledImage], notes: list[str]) -> list[LabelledImage]:
    log = read_label_log(root)
    notes[:0] = log.notes
    decisions = last_decisions(log, SimilarPaths(root, (image.path for image in images)))
    if not decisions:
        return images
    classes = _class_names(images)
    given = [(image.path, image.class_name) for image in images]
    names, log_notes = apply_decisions(given, decisions, frozenset(classes))
    notes += log_notes
    kept = [image._replace(class_name=name) for image, name in zip(images, names) if name is not None]
    if not kept:
        raise EngineError("All images here are excluded by the label log.", root)
    remaining = _class_names(kept)
    notes += describe_lost_classes([name for name in classes if name not in remaining])
    return kept


def _class_names(images: list[LabelledImage]) -> dict[str, None]:
    """Return the names of the classes in natural order: those of the training images, or of all if there are none."""
    names = {image.class_name for image in images if image.split == "train"} or {image.class_name for image in images}
    return dict.fromkeys(sorted(names, key=natural_key))


def _build(root: Path, images: list[LabelledImage], notes: list[str]) -> Dataset:
    classes = tuple(_class_names(images))
    labels = {name: label for label, name in enumerate(classes)}
    samples = sorted(
        (image.path, labels[image.class_name], image.split) for image in images if image.class_name in labels
    )
    notes += describe_missing_classes(images, classes)
    has_val = any(image.split == "val" for image in images)
    unmatched = tuple(sorted((i.path, i.class_name, i.split) for i in images if i.class_name not in labels))
    return Dataset(root, classes, tuple(Sample(*row) for row in samples), tuple(notes), has_val, unmatched=unmatched)


def _no_classes_message(root: Path, walk: Walk) -> str:
    advice = "Create one folder per class and put its images inside."
    if is_run_folder(os.listdir(root)):
        return "This is the folder of a run, not of images. Choose the folder that contains the images."
    if walk.top.images:
        return f"This folder has no class folders. {advice}"
    num_other = sum(len(folder.without_suffix) + folder.num_other_files for folder in walk.top.with_subfolders())
    other = f", only {count(num_other, 'file')} without a suffix of an image, such as .jpg" if num_other else ""
    return f"There are no images in this folder{other}. {advice}"
