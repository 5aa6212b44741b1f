"""Seeded training and validation split, stratified by class and grouped by duplicates."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

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

_DAMAGED = "The list of images of this run is missing or damaged."

FileContent: TypeAlias = tuple[int, str]
"""Size of an image file in bytes, and its digest in hexadecimal digits."""


def split(
    dataset: Dataset,
    val_fraction: float,
    seed: int,
    groups: Sequence[Sequence[str]] = (),
    keep_in_train: frozenset[str] = frozenset(),
) -> Dataset:
    """Return the dataset with a fraction of the training images of each class moved to validation.

    Each class with two or more images gets at least one validation image, unless its groups prevent it, and keeps at
    least one training image. The split of a class depends only on `seed`, its name and its groups. Adding a class
    therefore does not change the split of other classes, except through groups that contain images of both.

    Args:
        dataset: Returned unchanged if it has its own validation split.
        val_fraction: Fraction of each class (0..1).
        seed: Random seed.
        groups: Paths that stay on the same side. Groups that share a path are merged.
        keep_in_train: Paths that stay in training, as the first weights learnt from them. They count for the fraction,
            so that the validation images of an earlier run are chosen again.
    """
    if dataset.has_val:
        return dataset
    units, numbers = _units(dataset, groups)
    units = [unit for unit in units if keep_in_train.isdisjoint(dataset.samples[position].path for position in unit)]
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


def write_split(dataset: Dataset, path: Path, contents: Mapping[str, FileContent] = MappingProxyType({})) -> None:
    """Write path, class, split, group number (or null), and if known size and digest of every image as JSON.

    Args:
        dataset: The split dataset.
        path: The JSON file.
        contents: Size and digest by path.
    """
    files = []
    for sample in dataset.samples:
        content = contents.get(sample.path)
        known = {} if content is None else {"size": content[0], "digest": content[1]}
        file = {"path": sample.path, "class": dataset.classes[sample.label], "split": sample.split}
        files.append({**file, "group": sample.group, **known})
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
    document = read_split_file(path)
    try:
        labels = {name: label for label, name in enumerate(document.classes)}
        samples = tuple(Sample(file.path, labels[file.class_name], file.split, file.group) for file in document.files)
    except KeyError as error:
        raise EngineError(_DAMAGED, path) from error
    return Dataset(Path(document.root), document.classes, samples, has_val=True, grey_ranges=document.grey_ranges)


class SplitImage(ExtensibleModel):
    """One image in `split.json`."""

    path: RelativePath
    class_name: str = Field(alias="class")
    split: Split
    group: int | None = None
    size: int | None = None
    """In bytes; None in files of older versions."""
    digest: str | None = None
    """BLAKE2b of the file in hexadecimal digits; None in files of older versions."""


class SplitFile(ExtensibleModel):
    """The content of `split.json`."""

    root: str
    classes: ClassNames
    grey_ranges: GreyRanges | None = None
    """None in runs of version 0.1, which are resumed as they began."""
    files: tuple[SplitImage, ...]


def read_split_file(path: Path) -> SplitFile:
    """Read `split.json` as it is stored; raise EngineError if the file is missing or damaged."""
    try:
        return SplitFile.model_validate_json(read_text(path))
    except (OSError, ValueError) as error:
        raise EngineError(_DAMAGED, path) from error
