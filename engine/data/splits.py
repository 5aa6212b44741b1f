"""Seeded training and validation split, stratified by class; groups of images stay on one side."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from pydantic import Field

from engine.core.atomic_write import write_text_atomic
from engine.core.errors import EngineError
from engine.core.records import ExtensibleModel
from engine.core.relative_path import RelativePath
from engine.core.safe_read import read_text
from engine.core.seeds import stable_seed
from engine.data.class_names import ClassNames
from engine.data.dataset import Dataset, Sample
from engine.data.folders.split_names import Split
from engine.data.groups.photo_groups import PhotoGroups, SplitGroup, describe_cuts
from engine.data.pixels.grey_range import GreyRanges
from engine.data.split_selection import Selection
from engine.data.split_units import Units

_DAMAGED = "The list of images of this run is missing or damaged."

FileContent: TypeAlias = tuple[int, str]
"""Size of an image file in bytes, and its digest in hexadecimal digits."""


def split(
    dataset: Dataset,
    val_fraction: float,
    seed: int,
    groups: PhotoGroups = PhotoGroups(),  # noqa: B008 - frozen
    keep_in_train: frozenset[str] = frozenset(),
) -> Dataset:
    """Return the dataset with a fraction of the training images of each class moved to validation.

    Each class with two or more images gets at least one validation image and keeps at least one training image, unless
    it consists of one group of duplicates. The split of a class depends only on `seed`, its name and its groups. Adding
    a class therefore does not change the split of other classes, except through groups that contain images of both.

    Groups stay on one side. If this leaves a class without validation images, the largest of its groups is divided in
    the order of capture, first between the smaller groups in it, and its end is used for validation.

    Args:
        dataset: Returned unchanged if it has its own validation split.
        val_fraction: Fraction of each class (0..1).
        seed: Random seed.
        groups: Groups of images, by path. Groups that share an image are merged.
        keep_in_train: Paths that stay in training, as the first weights learnt from them. They count for the fraction,
            so that the validation images of an earlier run are chosen again.
    """
    if dataset.has_val:
        return dataset
    units = Units(dataset.samples, groups)
    counts = dataset.counts("train")
    fixed = {position for position, sample in enumerate(dataset.samples) if sample.path in keep_in_train}
    selection = Selection(dataset.samples, counts, val_fraction, fixed)
    own_units: dict[int, list[int]] = {}
    for unit_number, unit in enumerate(units.units):
        labels = {dataset.samples[position].label for position in unit}
        if not fixed.isdisjoint(unit):
            continue
        if len(labels) == 1:
            own_units.setdefault(labels.pop(), []).append(unit_number)
        # Units with several classes are drawn independently, so that the split of one class does not affect another
        elif np.random.default_rng(stable_seed(seed, dataset.samples[unit[0]].path)).random() < val_fraction:
            selection.take_if_it_fits(unit)
    for label, numbers in own_units.items():
        generator = np.random.default_rng(stable_seed(seed, dataset.classes[label]))
        drawn = [numbers[position] for position in generator.permutation(len(numbers))]
        for number in drawn:
            selection.take_if_it_fits(units.units[number])
        selection.take_nearest(label, [units.units[number] for number in drawn if units.is_event(number)])
    for label in range(len(counts)):
        selection.ensure_one(label, [units.units[number] for number in own_units.get(label, ())], units)
    return _apply(dataset, selection.chosen, units, groups.describe())


def _apply(dataset: Dataset, chosen: set[int], units: Units, grouping: str) -> Dataset:
    """Return the dataset with the chosen images in validation, and its groups numbered by their first image."""
    groups: list[SplitGroup] = []
    numbers: dict[int, int] = {}
    for unit_number, unit in enumerate(units.units):
        kinds = units.kinds(unit_number)
        sides = [side for side in ([p for p in unit if p not in chosen], [p for p in unit if p in chosen]) if side]
        for side in sides if kinds else ():
            numbers |= dict.fromkeys(side, len(groups))
            groups.append(SplitGroup(kinds=kinds, is_cut=len(sides) > 1))
    samples = tuple(
        replace(sample, split="val" if position in chosen else sample.split, group=numbers.get(position))
        for position, sample in enumerate(dataset.samples)
    )
    return replace(dataset, samples=samples, groups=tuple(groups), grouping=grouping)


def divided_paths(dataset: Dataset) -> frozenset[str]:
    """Return the paths of the images whose groups were divided between training and validation."""
    cut = {number for number, group in enumerate(dataset.groups) if group.is_cut}
    return frozenset(sample.path for sample in dataset.samples if sample.group in cut) if cut else frozenset()


def cut_warning(dataset: Dataset) -> str | None:
    """Return a sentence about the classes whose groups were divided between training and validation, if any."""
    cut = divided_paths(dataset)
    if not cut:
        return None
    labels = {sample.label for sample in dataset.samples if sample.path in cut and sample.split == "val"}
    val, train = dataset.counts("val"), dataset.counts("train")
    return describe_cuts({dataset.classes[label]: (val[label], val[label] + train[label]) for label in sorted(labels)})


def unsplit(dataset: Dataset) -> Dataset:
    """Return the dataset with its validation images moved back to training."""
    samples = tuple(replace(sample, split="train") if sample.split == "val" else sample for sample in dataset.samples)
    return replace(dataset, samples=samples, groups=(), grouping="")


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
        "grouping": dataset.grouping,
        "groups": [group.model_dump() for group in dataset.groups],
        "left_out": dataset.left_out,
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
    return Dataset(
        Path(document.root),
        document.classes,
        samples,
        has_val=True,
        grey_ranges=document.grey_ranges,
        groups=document.groups,
        grouping=document.grouping,
        left_out=document.left_out,
    )


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
    grouping: str = ""
    groups: tuple[SplitGroup, ...] = ()
    left_out: tuple[RelativePath, ...] = ()
    files: tuple[SplitImage, ...]


def read_split_file(path: Path) -> SplitFile:
    """Read `split.json` as it is stored; raise EngineError if the file is missing or damaged."""
    try:
        return SplitFile.model_validate_json(read_text(path))
    except (OSError, ValueError) as error:
        raise EngineError(_DAMAGED, path) from error
