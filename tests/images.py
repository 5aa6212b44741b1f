"""Small picture folders for tests."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 200)}


def draw_image(colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (40, 32)) -> Image.Image:
    """Return a noisy picture of one colour."""
    noise = np.random.default_rng(seed).normal(0, 25, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


def write_classes(root: Path, counts: Mapping[str, int], seed: int = 0) -> Path:
    """Write a folder of pictures for each class; classes named like a colour look like it."""
    for number, (name, count) in enumerate(counts.items()):
        folder = root / name
        folder.mkdir(parents=True)
        colour = COLOURS.get(name, tuple(COLOURS.values())[number % 3])
        for index in range(count):
            draw_image(colour, seed * 10_000 + number * 1000 + index).save(folder / f"{index:03}.png")
    return root


def truncate_file(path: Path) -> Path:
    """Cut a file in half, so that it cannot be decoded any more."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def draw_scene(seed: int, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """Return a picture with coarse and fine detail, as photos have; another seed shows something else."""
    generator = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3), np.float32)
    for cells in (3, 6, 12, 24, 48):
        coarse = generator.normal(0, 255 / cells**0.7, (cells, cells, 3))
        shown = Image.fromarray(np.clip(coarse + 128, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        total += np.asarray(shown, np.float32) - 128
    return Image.fromarray(np.clip(total / 2 + 128, 0, 255).astype(np.uint8))
