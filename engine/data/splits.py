"""Set images of each class aside to measure on."""

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
from engine.data.dataset import Dataset, Sample, Split


def split(dataset: Dataset, val_fraction: float, seed: int, groups: Sequence[Sequence[str]] = ()) -> Dataset:
    """Return the dataset with a share of every class's training images moved to validation.

    A dataset that brings its own validation split is returned as it is. The paths of each of `groups` stay on one side,
    so do those of groups that share a path. A class gives at least one image, where its groups allow, and keeps at
    least one; a single image stays in training. The draw of a class depends on `seed`, its name and its groups alone,
    so adding a class moves no other but by groups that reach into both.
    """
    if dataset.has_val:
        return dataset
    units, numbers = _units(dataset, groups)
    counts = dataset.counts("train")
    wanted = [min(max(1, round(count * val_fraction)), count - 1) for count in counts]
    draw = _Draw(dataset.samples, wanted)
    own: dict[int, list[list[int]]] = {}
    for unit in units:
        labels = {dataset.samples[position].label for position in unit}
        if len(labels) == 1:
            own.setdefault(labels.pop(), []).append(unit)
        # What reaches over classes is drawn by itself, so that it ties no class to the draw of another
        elif np.random.default_rng(stable_seed(seed, dataset.samples[unit[0]].path)).random() < val_fraction:
            draw.take(unit)
    for label, of_class in own.items():
        generator = np.random.default_rng(stable_seed(seed, dataset.classes[label]))
        for number in generator.permutation(len(of_class)):
            draw.take(of_class[number])
    _give_at_least_one(draw, units, counts)
    samples = tuple(
        replace(sample, split="val" if position in draw.chosen else sample.split, group=numbers.get(position))
        for position, sample in enumerate(dataset.samples)
    )
    return replace(dataset, samples=samples)


def unsplit(dataset: Dataset) -> Dataset:
    """Return the dataset with its validation images back in training."""
    samples = tuple(replace(sample, split="train") if sample.split == "val" else sample for sample in dataset.samples)
    return replace(dataset, samples=samples)


class _Draw:
    """Images chosen for validation, never more of a class than wanted."""

    def __init__(self, samples: Sequence[Sample], wanted: list[int]) -> None:
        self._samples = samples
        self._left = wanted
        self.chosen: set[int] = set()

    def label(self, position: int) -> int:
        """Return the class of an image."""
        return self._samples[position].label

    def take(self, unit: Sequence[int]) -> None:
        """Choose all of the unit, or none where one of its classes has no room for it."""
        needed = Counter(self.label(position) for position in unit)
        if all(self._left[label] >= number for label, number in needed.items()):
            self.chosen.update(unit)
            for label, number in needed.items():
                self._left[label] -= number


def _give_at_least_one(draw: _Draw, units: Sequence[Sequence[int]], counts: Sequence[int]) -> None:
    """Let a class whose units were all too large for its share give its smallest, so that it is measured at all."""
    given = {draw.label(position) for position in draw.chosen}
    for label, count in enumerate(counts):
        fitting = [unit for unit in units if {draw.label(position) for position in unit} == {label}]
        fitting = [unit for unit in fitting if len(unit) < count]
        if label not in given and fitting:
            smallest = min(fitting, key=len)
            draw.chosen.update(smallest)


def _units(dataset: Dataset, groups: Sequence[Sequence[str]]) -> tuple[list[list[int]], dict[int, int]]:
    """Return what is drawn as a whole, as positions of training images in order, and the number of each in a group."""
    positions = {sample.path: position for position, sample in enumerate(dataset.samples) if sample.split == "train"}
    present = [[positions[path] for path in group if path in positions] for group in groups]
    tied = _merged(present) if any(present) else []
    numbers = {position: number for number, group in enumerate(tied) for position in group}
    units: list[list[int]] = []
    for position in positions.values():
        if position not in numbers:
            units.append([position])
        elif tied[numbers[position]][0] == position:
            units.append(tied[numbers[position]])
    return units, numbers


def _merged(groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Merge groups that share a position; return those of two and more, sorted by their first position."""
    merged = scipy.cluster.hierarchy.DisjointSet({position for group in groups for position in group})
    for group in groups:
        for other in group[1:]:
            merged.merge(group[0], other)
    return sorted(sorted(members) for members in merged.subsets() if len(members) > 1)


def write_split(dataset: Dataset, path: Path) -> None:
    """Write every file with its class, its split and the number of its group of copies, or null, as JSON."""
    files = [
        {"path": sample.path, "class": dataset.classes[sample.label], "split": sample.split, "group": sample.group}
        for sample in dataset.samples
    ]
    document = {"root": str(dataset.root.absolute()), "classes": dataset.classes, "files": files}
    write_text_atomic(path, json.dumps(document, indent=0))


def read_split(path: Path) -> Dataset:
    """Read a dataset back from `split.json`; raise EngineError where the file is damaged."""
    try:
        document = _SplitFile.model_validate_json(read_text(path))
        labels = {name: label for label, name in enumerate(document.classes)}
        samples = tuple(Sample(file.path, labels[file.class_name], file.split, file.group) for file in document.files)
    except (OSError, ValueError, KeyError) as error:
        raise EngineError("The list of images of this run is missing or damaged.", path) from error
    return Dataset(Path(document.root), document.classes, samples, has_val=True)


class _File(ExtensibleModel):
    path: RelativePath
    class_name: str = Field(alias="class")
    split: Split
    group: int | None = None


class _SplitFile(ExtensibleModel):
    root: str
    classes: ClassNames
    files: tuple[_File, ...]
