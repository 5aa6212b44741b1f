"""Shortcut features added to one class of a dataset, and their detection: `python -m benchmarks.shortcuts`."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import tyro
from PIL import Image, ImageOps

from benchmarks.duplicates import DATASETS
from benchmarks.output import print_header, print_row
from engine import jobs
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, scan
from engine.data.decode import decode

QUALITY, OTHER_QUALITY = 88, 70

Change: TypeAlias = Callable[[Image.Image], tuple[Image.Image, int]]
"""Returns the changed image and the JPEG quality to save it with."""


def _with_other_quality(image: Image.Image) -> tuple[Image.Image, int]:
    return image, OTHER_QUALITY


def _with_border(image: Image.Image) -> tuple[Image.Image, int]:
    return ImageOps.expand(image, max(2, max(image.size) // 30), "white"), QUALITY


CHANGES: dict[str, Change] = {
    f"one class at JPEG quality {OTHER_QUALITY}, the others at {QUALITY}": _with_other_quality,
    "one class framed in white": _with_border,
}


def add_shortcut(source: Path, target: Path, change: Change) -> Dataset:
    """Save all images in the same way, except that those of the first class are changed."""
    dataset = scan(source)
    for number, sample in enumerate(dataset.samples):
        image, quality = Image.fromarray(decode(source / sample.path, min_side=160)), QUALITY
        if sample.label == 0:
            image, quality = change(image)
        path = target / dataset.classes[sample.label] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=quality)
    return scan(target)


def main(shared: Path = Path("../shared"), data: tuple[str, ...] = DATASETS) -> None:
    """Print which shortcut features are reported, for each dataset and modification.

    Args:
        shared: Folder with data/NAME.
        data: Names of the datasets.
    """
    print_header("data", "modification", "reported (accuracy from this feature alone; chance)")
    for name in data:
        source = shared.resolve() / "data" / name
        _print_result(name, "untouched", scan(source))
        for modification, change in CHANGES.items():
            with tempfile.TemporaryDirectory() as folder:
                _print_result(name, modification, add_shortcut(source, Path(folder), change))


def _print_result(name: str, modification: str, dataset: Dataset) -> None:
    shortcuts = run_to_end(jobs.check(dataset)).shortcuts
    reported = "; ".join(f"{each.feature} ({each.accuracy:.0%}; {each.chance:.0%})" for each in shortcuts)
    print_row(name, modification, reported or "nothing")


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
