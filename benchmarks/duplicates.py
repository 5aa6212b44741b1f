"""Detection of duplicates planted into real datasets: `python -m benchmarks.duplicates`."""

import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import tyro
from PIL import Image

from benchmarks.output import print_header, print_row
from engine.audit.duplicates import find_duplicates
from engine.audit.findings import DuplicateGroup
from engine.audit.photo_groups import with_duplicates
from engine.audit.scan import DatasetScan, fingerprint_dataset
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, Sample, scan
from engine.data.decode import decode
from engine.data.groups.photo_groups import PhotoGroups
from engine.data.splits import split

DATASETS = ("hymenoptera", "weather", "sign_digits", "flowers_small")
SCALE, LOW_QUALITY, QUALITY = 0.8, 60, 92

Change: TypeAlias = Callable[[Image.Image, random.Random], tuple[Image.Image, int]]
"""Returns the changed image and the JPEG quality to save it with."""


def _resize(image: Image.Image, _generator: random.Random) -> tuple[Image.Image, int]:
    return image.resize((max(1, round(SCALE * image.width)), max(1, round(SCALE * image.height)))), QUALITY


def _reencode(image: Image.Image, _generator: random.Random) -> tuple[Image.Image, int]:
    return image, LOW_QUALITY


def _crop(image: Image.Image, generator: random.Random) -> tuple[Image.Image, int]:
    left, top, right, bottom = (generator.uniform(0.03, 0.04) for _ in range(4))
    width, height = image.size
    box = (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    return image.crop(box), QUALITY


CHANGES: dict[str, Change | None] = {
    "copied": None,
    "resized to 80 %": _resize,
    "JPEG quality 60": _reencode,
    "cropped 3 to 4 % a side": _crop,
}


@dataclass(frozen=True)
class DetectionCounts:
    """Numbers of planted duplicates of one kind and of those that were found."""

    num_planted: int
    num_found: int
    num_other_pairs: int
    """Flagged pairs that were not planted; includes the dataset's own duplicates."""
    num_pairs: int
    is_grouped: bool
    """True if the split keeps every group that was found on one side."""

    @property
    def recall(self) -> float:
        """Share of the planted duplicates that was found."""
        return self.num_found / self.num_planted


def plant_duplicates(source: Path, target: Path, num_images: int, seed: int = 0) -> Dataset:
    """Write a sample of a dataset into train/ and a duplicate of each kind of every image into val/.

    Args:
        source: Folder of the dataset.
        target: Empty folder.
        num_images: Maximum number of images that are drawn.
        seed: Seed of the draw and of the crops.

    Returns:
        The dataset in `target`.
    """
    dataset = scan(source)
    chosen = random.Random(seed).sample(dataset.samples, min(num_images, len(dataset.samples)))
    for number, sample in enumerate(chosen):
        path, name = source / sample.path, dataset.classes[sample.label]
        image = Image.fromarray(decode(path))
        train, val = target / "train" / name, target / "val" / name
        for folder in (train, val):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, train / f"{number:05}{path.suffix}")
        for kind, change in enumerate(CHANGES.values()):
            if change is None:
                shutil.copyfile(path, val / f"{number:05}-{kind}{path.suffix}")
            else:
                changed, quality = change(image, random.Random(seed + number))
                changed.save(val / f"{number:05}-{kind}.jpg", quality=quality)
    return scan(target)


def count_found(scanned: DatasetScan, dataset: Dataset, kind: str) -> DetectionCounts:
    """Search for duplicates among the originals and the planted duplicates of one kind, and count them.

    Args:
        scanned: Fingerprints of the dataset.
        dataset: Return value of `plant_duplicates`.
        kind: Key of `CHANGES`.
    """
    kind_number = list(CHANGES).index(kind)
    rows = [row for row, sample in enumerate(scanned.samples) if _kind(sample) in (None, kind_number)]
    samples = [scanned.samples[row] for row in rows]
    duplicates = run_to_end(find_duplicates(samples, scanned.records[rows]))
    numbers = {sample.path: _number(sample) for sample in samples}
    planted = {sample.path for sample in samples if _kind(sample) == kind_number}
    detected = {
        path
        for group in duplicates
        if group.crosses_splits
        for path in group.paths
        if path in planted and any(other not in planted and numbers[other] == numbers[path] for other in group.paths)
    }
    num_other_pairs = sum(
        _num_pairs(len(group.paths)) - _num_planted_pairs([numbers[path] for path in group.paths])
        for group in duplicates
    )
    is_grouped = _is_grouped(dataset, samples, duplicates)
    return DetectionCounts(len(planted), len(detected), num_other_pairs, _num_pairs(len(samples)), is_grouped)


def _is_grouped(dataset: Dataset, samples: Sequence[Sample], groups: Sequence[DuplicateGroup]) -> bool:
    unsplit = replace(dataset, samples=tuple(replace(sample, split="train") for sample in samples), has_val=False)
    drawn = split(unsplit, 0.2, 0, with_duplicates(PhotoGroups(), groups))
    sides = {sample.path: sample.split for sample in drawn.samples}
    return bool(drawn.of_split("val")) and all(len({sides[path] for path in group.paths}) == 1 for group in groups)


def _kind(sample: Sample) -> int | None:
    return int(Path(sample.path).stem[-1]) if sample.split == "val" else None


def _number(sample: Sample) -> int:
    return int(Path(sample.path).stem[:5])


def _num_pairs(number: int) -> int:
    return number * (number - 1) // 2


def _num_planted_pairs(numbers: Sequence[int]) -> int:
    return sum(_num_pairs(numbers.count(number)) for number in set(numbers))


def main(shared: Path = Path("../shared"), data: tuple[str, ...] = DATASETS, images: int = 400) -> None:
    """Print how many planted duplicates are found, for each dataset and kind.

    Args:
        shared: Folder with data/NAME.
        data: Names of the datasets.
        images: Number of images drawn from each dataset.
    """
    print_header("data", "planted", "found", "other pairs flagged", "every group on one side")
    for name in data:
        with tempfile.TemporaryDirectory() as folder:
            dataset = plant_duplicates(shared.resolve() / "data" / name, Path(folder), images)
            scanned = run_to_end(fingerprint_dataset(dataset))
        for kind in CHANGES:
            counts = count_found(scanned, dataset, kind)
            share = counts.num_other_pairs / counts.num_pairs
            print_row(
                name,
                kind,
                f"{counts.num_found} of {counts.num_planted} ({counts.recall:.1%})",
                f"{counts.num_other_pairs} of {counts.num_pairs:,} ({share:.4%})",
                "yes" if counts.is_grouped else "NO",
            )


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
