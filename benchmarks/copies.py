"""Recognition of images that a model learnt from, after they were re-saved: `python -m benchmarks.copies`."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import tyro
from PIL import Image, ImageOps

from benchmarks.duplicates import DATASETS
from benchmarks.output import print_header, print_row
from engine.audit.fingerprint import Records, empty_records, fingerprint
from engine.audit.learnt_images import LearntImages
from engine.core.event_stream import run_to_end
from engine.core.threads import map_in_threads
from engine.data.dataset import find_images
from engine.data.sample_dataset import write_sample_dataset

Save: TypeAlias = Callable[[Image.Image, Path], None]
"""Writes an image under a path without suffix."""


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    return image.resize((max(1, round(scale * image.width)), max(1, round(scale * image.height))))


SAVES: dict[str, Save] = {
    "PNG, no EXIF": lambda image, path: image.save(path.with_suffix(".png")),
    "JPEG quality 75": lambda image, path: image.save(path.with_suffix(".jpg"), quality=75),
    "WebP": lambda image, path: image.save(path.with_suffix(".webp"), quality=80),
    "resized to 50 %": lambda image, path: _scaled(image, 0.5).save(path.with_suffix(".jpg"), quality=90),
    "resized to 150 %": lambda image, path: _scaled(image, 1.5).save(path.with_suffix(".jpg"), quality=90),
    "stretched to 224 x 224": lambda image, path: image.resize((224, 224)).save(path.with_suffix(".jpg"), quality=90),
}


def main(shared: Path = Path("../shared"), images: int = 1000) -> None:
    """Count copies that are recognised, and different images that are taken for copies.

    Every second image is learnt; the others are the different ones. Images of a dataset that really are copies of each
    other count as wrong here.

    Args:
        shared: Folder with data/.
        images: Largest number of images of each dataset.
    """
    print_header("data", *SAVES, "others taken for copies")
    with tempfile.TemporaryDirectory() as temporary:
        drawn = run_to_end(write_sample_dataset(Path(temporary) / "drawn"))
        for folder in (*(shared / "data" / name for name in DATASETS), drawn):
            found = find_images(folder)
            paths = found[:: max(1, len(found) // images)]
            learnt, others = paths[::2], paths[1::2]
            known = LearntImages.from_records(_fingerprints(learnt))
            cells = []
            for number, save in enumerate(SAVES.values()):
                target = Path(temporary) / f"{folder.name}-{number}"
                cells.append(_share(known, _resave(learnt, target, save)))
            print_row(folder.name, *cells, _share(known, others))


def _fingerprints(paths: Sequence[Path]) -> Records:
    records = empty_records(len(paths))
    for number, record in enumerate(map_in_threads(fingerprint, paths, ahead=64)):
        records[number] = record
    return records


def _resave(paths: Sequence[Path], target: Path, save: Save) -> list[Path]:
    target.mkdir()
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            save(ImageOps.exif_transpose(image).convert("RGB"), target / f"{number:05}")
    return sorted(target.iterdir())


def _share(known: LearntImages, paths: Sequence[Path]) -> str:
    copies = run_to_end(known.find_copies(_fingerprints(paths)))
    return f"{int(copies.is_any.sum())} of {len(paths)}"


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
