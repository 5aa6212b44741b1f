"""`python -m benchmarks.shortcuts --shared FOLDER`: give one class away by a cue, and see whether the audit tells."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import tyro
from PIL import Image, ImageOps

from benchmarks.duplicates import FOLDERS
from engine import jobs
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, scan
from engine.data.decode import decode

QUALITY, OTHER_QUALITY = 88, 70


def _encoded_otherwise(image: Image.Image) -> tuple[Image.Image, int]:
    return image, OTHER_QUALITY


def _framed(image: Image.Image) -> tuple[Image.Image, int]:
    return ImageOps.expand(image, max(2, max(image.size) // 30), "white"), QUALITY


CHANGES: dict[str, tuple[str, Callable[[Image.Image], tuple[Image.Image, int]]]] = {
    f"one class at JPEG quality {OTHER_QUALITY}, the others at {QUALITY}": ("JPEG quality", _encoded_otherwise),
    "one class framed in white": ("border", _framed),
}


def give_away(source: Path, target: Path, change: Callable[[Image.Image], tuple[Image.Image, int]]) -> Dataset:
    """Save all images alike, but those of the first class changed."""
    dataset = scan(source)
    for number, sample in enumerate(dataset.samples):
        image, quality = Image.fromarray(decode(source / sample.path, min_side=160)), QUALITY
        if sample.label == 0:
            image, quality = change(image)
        path = target / dataset.classes[sample.label] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=quality)
    return scan(target)


def main(shared: Path = Path("../shared")) -> None:
    """Print a table.

    Args:
        shared: Folder with data/hymenoptera and the others.
    """
    print("| data | made | told (right without seeing the picture; guessing) |")  # noqa: T201
    print("|---|---|---|")  # noqa: T201
    for name in FOLDERS:
        source = shared.resolve() / "data" / name
        _say(name, "untouched", scan(source))
        for words, (_cue, change) in CHANGES.items():
            with tempfile.TemporaryDirectory() as folder:
                _say(name, words, give_away(source, Path(folder), change))


def _say(name: str, words: str, dataset: Dataset) -> None:
    found = run_to_end(jobs.check(dataset)).shortcuts
    told = "; ".join(f"{one.feature} ({one.accuracy:.0%}; {one.chance:.0%})" for one in found)
    print(f"| {name} | {words} | {told or 'nothing'} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
