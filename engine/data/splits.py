"""Seeded training and validation split, stratified by class and grouped by duplicates."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy
from pydantic import Field

from engine.core.atomic_write import write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import ExtensibleModel
from engine.core.relative_path import RelativePath
from engine.core.safe_read import read_text
from engine.core.seeds import stable_seed
from engine.data.class_names import ClassNames
from engine.data.dataset import Dataset, Sample
from engine.data.grey_range import GreyRanges
from engine.data.split_names import Split


def split(dataset: Dataset, val_fraction: float, seed: int, groups: Sequence[Sequence[str]] = ()) -> Dataset:
    """Return the dataset with a fraction of the training images of each class moved to validation.

    Each class with two or more images gets at least one validation image, unless its groups prevent it, and keeps at
    least one training image. The split of a class depends only on `seed`, its name and its groups. Adding a class
    therefore does not change the split of other classes, except through groups that contain images of both.

    Args:
        dataset: Returned unchanged if it has its own validation split.
        val_fraction: Fraction of each class (0..1).
        seed: Random seed.
        groups: Paths that stay on the same side. Groups that share a path are merged.
    """
    if dataset.has_val:
        return dataset
    units, numbers = _units(dataset, groups)
    counts = dataset.counts("train")
    quotas = [min(max(1, round(count * val_fraction)), count - 1) for count in counts]
    selection = _Selection(dataset.samples, quotas)
    units_of_class: dict[int, list[list[int]]] = {}
    for unit in units:
        labels = {dataset.samples[position].label for position in unit}
        if len(labels) == 1:
            units_of_class.setdefault(labels.pop(), []).append(unit)
        # Units with several classes are drawn independently, so that the split of one class does not affect another
        elif np.random.default_rng(stable_seed(seed, dataset.samples[unit[0]].path)).random() < val_fraction:
            selection.take(unit)
    for label, own_units in units_of_class.items():
        generator = np.random.default_rng(stable_seed(seed, dataset.classes[label]))
        for number in generator.permutation(len(own_units)):
            selection.take(own_units[number])
    _ensure_one_per_class(selection, units, counts)
    samples = tuple(
        replace(sample, split="val" if position in selection.chosen else sample.split, group=numbers.get(position))
        for position, sample in enumerate(dataset.samples)
    )
    return replace(dataset, samples=samples)


def unsplit(dataset: Dataset) -> Dataset:
    """Return the dataset with its validation images moved back to training."""
    samples = tuple(replace(sample, split="train") if sample.split == "val" else sample for sample in dataset.samples)
    return replace(dataset, samples=samples)


class _Selection:
    """Images chosen for validation, up to a quota for each class."""

    def __init__(self, samples: Sequence[Sample], quotas: list[int]) -> None:
        self._samples = samples
        self._remaining = quotas
        self.chosen: set[int] = set()

    def label(self, position: int) -> int:
        """Return the class index of an image."""
        return self._samples[position].label

    def take(self, unit: Sequence[int]) -> None:
        """Choose the whole unit if the quotas of all its classes allow it, else nothing."""
        needed = Counter(self.label(position) for position in unit)
        if all(self._remaining[label] >= number for label, number in needed.items()):
            self.chosen.update(unit)
            for label, number in needed.items():
                self._remaining[label] -= number


def _ensure_one_per_class(selection: _Selection, units: Sequence[Sequence[int]], counts: Sequence[int]) -> None:
    """Choose the smallest unit of each class whose units all exceed the quota, so that it has validation images."""
    labels_with_val = {selection.label(position) for position in selection.chosen}
    for label, count in enumerate(counts):
        own_units = [unit for unit in units if {selection.label(position) for position in unit} == {label}]
        smaller_units = [unit for unit in own_units if len(unit) < count]
        if label not in labels_with_val and smaller_units:
            smallest = min(smaller_units, key=len)
            selection.chosen.update(smallest)


def _units(dataset: Dataset, groups: Sequence[Sequence[str]]) -> tuple[list[list[int]], dict[int, int]]:
    """Return the units of the draw as sorted positions of training images, and the group number by position."""
    positions = {sample.path: position for position, sample in enumerate(dataset.samples) if sample.split == "train"}
    present = [[positions[path] for path in group if path in positions] for group in groups]
    merged = _merged(present) if any(present) else []
    numbers = {position: number for number, group in enumerate(merged) for position in group}
    single = [[position] for position in positions.values() if position not in numbers]
    return sorted([*merged, *single]), numbers


def _merged(groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Merge groups that share a position; return those of two and more, sorted by their first position."""
    merged = scipy.cluster.hierarchy.DisjointSet({position for group in groups for position in group})
    for group in groups:
        for other in group[1:]:
            merged.merge(group[0], other)
    return sorted(sorted(members) for members in merged.subsets() if len(members) > 1)


def write_split(dataset: Dataset, path: Path) -> None:
    """Write path, class, split and group number (or null) of every image as JSON."""
    files = [
        {"path": sample.path, "class": dataset.classes[sample.label], "split": sample.split, "group": sample.group}
        for sample in dataset.samples
    ]
    ranges = dataset.grey_ranges
    document = {
        "root": str(dataset.root.absolute()),
        "classes": dataset.classes,
        "grey_ranges": None if ranges is None else ranges.model_dump(),
        "files": files,
    }
    write_text_atomic(path, json.dumps(document, indent=0))


def read_split(path: Path) -> Dataset:
    """Read a dataset from `split.json`; raise EngineError if the file is missing or damaged."""
    try:
        document = _SplitFile.model_validate_json(read_text(path))
        labels = {name: label for label, name in enumerate(document.classes)}
        samples = tuple(Sample(file.path, labels[file.class_name], file.split, file.group) for file in document.files)
    except (OSError, ValueError, KeyError) as error:
        raise EngineError("The list of images of this run is missing or damaged.", path) from error
    return Dataset(Path(document.root), document.classes, samples, has_val=True, grey_ranges=document.grey_ranges)


class _File(ExtensibleModel):
    path: RelativePath
    class_name: str = Field(alias="class")
    split: Split
    group: int | None = None


class _SplitFile(ExtensibleModel):
    root: str
    classes: ClassNames
    grey_ranges: GreyRanges | None = None
    """None in runs of version 0.1, which are resumed as they began."""
    files: tuple[_File, ...]
