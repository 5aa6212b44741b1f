"""`python -m benchmarks.duplicates --shared FOLDER`: plant copies of real images across a split, count those found."""

import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from PIL import Image

from engine.audit.duplicates import find_duplicates
from engine.audit.findings import DuplicateGroup
from engine.audit.scan import DatasetScan, fingerprint_dataset
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, Sample, scan
from engine.data.decode import decode
from engine.data.splits import split

FOLDERS = ("hymenoptera", "weather", "sign_digits", "flowers_small")
RESIZED, QUALITY = 0.8, 60


def _resized(image: Image.Image, _draw: random.Random) -> tuple[Image.Image, int]:
    return image.resize((max(1, round(RESIZED * image.width)), max(1, round(RESIZED * image.height)))), 92


def _encoded_again(image: Image.Image, _draw: random.Random) -> tuple[Image.Image, int]:
    return image, QUALITY


def _cropped(image: Image.Image, draw: random.Random) -> tuple[Image.Image, int]:
    left, top, right, bottom = (draw.uniform(0.03, 0.04) for _ in range(4))
    width, height = image.size
    box = (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    return image.crop(box), 92


CHANGES: dict[str, Callable[[Image.Image, random.Random], tuple[Image.Image, int]] | None] = {
    "copied": None,
    "resized to 80 %": _resized,
    "JPEG quality 60": _encoded_again,
    "cropped 3 to 4 % a side": _cropped,
}


@dataclass(frozen=True)
class DetectionCounts:
    """What was found of one kind of planted copy. Pairs of other pictures hold the data set's own duplicates too."""

    num_planted: int
    num_found: int
    num_other_pairs: int
    num_pairs: int
    is_kept_together: bool
    """Whether the split leaves every group that was found on one side."""

    @property
    def share(self) -> float:
        """Share of the planted that was found."""
        return self.num_found / self.num_planted


def plant_duplicates(source: Path, target: Path, num_images: int, seed: int = 0) -> Dataset:
    """Write images of a data set into train/ and a copy of each kind into val/; return the folder, scanned."""
    dataset = scan(source)
    chosen = random.Random(seed).sample(dataset.samples, min(num_images, len(dataset.samples)))
    for number, sample in enumerate(chosen):
        path = source / sample.path
        image = Image.fromarray(decode(path))
        for part in ("train", "val"):
            (target / part / dataset.classes[sample.label]).mkdir(parents=True, exist_ok=True)
        place = target / "{}" / dataset.classes[sample.label] / f"{number:05}"
        shutil.copyfile(path, str(place).format("train") + path.suffix)
        for kind, change in enumerate(CHANGES.values()):
            planted = f"{str(place).format('val')}-{kind}"
            if change is None:
                shutil.copyfile(path, planted + path.suffix)
            else:
                changed, quality = change(image, random.Random(seed + number))
                changed.save(planted + ".jpg", quality=quality)
    return scan(target)


def count_found(scanned: DatasetScan, dataset: Dataset, kind: str) -> DetectionCounts:
    """CamResult for the copies of one kind among the originals."""
    wanted = list(CHANGES).index(kind)
    rows = [row for row, sample in enumerate(scanned.samples) if _kind(sample) in (None, wanted)]
    samples = [scanned.samples[row] for row in rows]
    groups = run_to_end(find_duplicates(samples, scanned.records[rows]))
    same = [group for group in groups if group.kind != "burst"]
    numbers = {sample.path: _number(sample) for sample in samples}
    planted = {sample.path for sample in samples if _kind(sample) == wanted}
    found = {
        path
        for group in same
        if group.crosses_splits
        for path in group.paths
        if path in planted and any(other not in planted and numbers[other] == numbers[path] for other in group.paths)
    }
    others = sum(_pairs(len(group.paths)) - _own_pairs([numbers[path] for path in group.paths]) for group in same)
    return DetectionCounts(
        len(planted), len(found), others, _pairs(len(samples)), _is_kept_together(dataset, samples, groups)
    )


def _is_kept_together(dataset: Dataset, samples: Sequence[Sample], groups: Sequence[DuplicateGroup]) -> bool:
    mixed = replace(dataset, samples=tuple(replace(sample, split="train") for sample in samples), has_val=False)
    parts = split(mixed, 0.2, 0, [group.paths for group in groups])
    sides = {sample.path: sample.split for sample in parts.samples}
    return bool(parts.of_split("val")) and all(len({sides[path] for path in group.paths}) == 1 for group in groups)


def _kind(sample: Sample) -> int | None:
    return int(Path(sample.path).stem[-1]) if sample.split == "val" else None


def _number(sample: Sample) -> int:
    return int(Path(sample.path).stem[:5])


def _pairs(number: int) -> int:
    return number * (number - 1) // 2


def _own_pairs(numbers: Sequence[int]) -> int:
    return sum(_pairs(numbers.count(number)) for number in set(numbers))


def main(shared: Path = Path("../shared"), images: int = 400) -> None:
    """Print a table.

    Args:
        shared: Folder with data/hymenoptera and the others.
        images: How many of each data set, drawn with one seed.
    """
    print("| data | planted | found | other pairs flagged | every group on one side |")  # noqa: T201
    print("|---|---|---|---|---|")  # noqa: T201
    for name in FOLDERS:
        with tempfile.TemporaryDirectory() as folder:
            dataset = plant_duplicates(shared.resolve() / "data" / name, Path(folder), images)
            scanned = run_to_end(fingerprint_dataset(dataset))
        for kind in CHANGES:
            found = count_found(scanned, dataset, kind)
            print(  # noqa: T201
                f"| {name} | {kind} | {found.num_found} of {found.num_planted} ({found.share:.1%}) | "
                f"{found.num_other_pairs} of {found.num_pairs:,} ({found.num_other_pairs / found.num_pairs:.4%}) | "
                f"{'yes' if found.is_kept_together else 'NO'} |",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
