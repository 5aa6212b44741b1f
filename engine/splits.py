"""Set images of each class aside to measure on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.dataset import SPLIT_FOLDERS, Dataset, Sample, Split
from engine.errors import EngineError
from engine.files import write_text_atomic
from engine.seeds import stable_seed


def split(dataset: Dataset, val_fraction: float, seed: int) -> Dataset:
    """Return the dataset with a share of every class's training images moved to validation.

    A dataset that brings its own validation split is returned as it is. A class gives at least one image and keeps at
    least one; a single image stays in training. The draw of a class depends on `seed` and its name alone, so adding
    a class moves no other.
    """
    if dataset.has_val:
        return dataset
    groups: dict[int, list[int]] = {}
    for position, sample in enumerate(dataset.samples):
        if sample.split == "train":
            groups.setdefault(sample.label, []).append(position)
    chosen: set[int] = set()
    for label, positions in groups.items():
        num_val = min(max(1, round(len(positions) * val_fraction)), len(positions) - 1)
        generator = np.random.default_rng(stable_seed(seed, dataset.classes[label]))
        chosen.update(generator.permutation(positions)[:num_val].tolist())
    samples = tuple(
        replace(sample, split="val") if position in chosen else sample
        for position, sample in enumerate(dataset.samples)
    )
    return replace(dataset, samples=samples)


def write_split(dataset: Dataset, path: Path) -> None:
    """Write every file with its class and split as JSON."""
    files = [
        {"path": sample.path, "class": dataset.classes[sample.label], "split": sample.split}
        for sample in dataset.samples
    ]
    document = {"root": str(dataset.root.absolute()), "classes": dataset.classes, "files": files}
    write_text_atomic(path, json.dumps(document, indent=0))


def read_split(path: Path) -> Dataset:
    """Read a dataset back from `split.json`; raise EngineError where the file is damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        classes = tuple(document["classes"])
        labels = {name: label for label, name in enumerate(classes)}
        samples = tuple(
            Sample(entry["path"], labels[entry["class"]], _as_split(entry["split"])) for entry in document["files"]
        )
        root = Path(document["root"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError("The list of images of this run is missing or damaged.", path) from error
    return Dataset(root, classes, samples, has_val=True)


def _as_split(name: str) -> Split:
    return SPLIT_FOLDERS[name]
