"""Small folders of synthetic images for tests."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 200)}


def draw_image(colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (40, 32)) -> Image.Image:
    """Return a noisy image of one colour; `size` is width and height in pixels."""
    noise = np.random.default_rng(seed).normal(0, 25, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


def write_classes(root: Path, counts: Mapping[str, int], seed: int = 0) -> Path:
    """Write a folder of PNG files for each class and return `root`.

    Args:
        root: Folder of the dataset.
        counts: Number of images of each class. Images of a class that is named after a colour have this colour.
        seed: Seed of the noise.
    """
    for number, (name, count) in enumerate(counts.items()):
        folder = root / name
        folder.mkdir(parents=True)
        colour = COLOURS.get(name, tuple(COLOURS.values())[number % 3])
        for index in range(count):
            draw_image(colour, seed * 10_000 + number * 1000 + index).save(folder / f"{index:03}.png")
    return root


def truncate_file(path: Path) -> Path:
    """Remove the second half of a file, so that it cannot be decoded; return its path."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def draw_scene(seed: int, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """Return an image with coarse and fine detail, like a photo; each seed gives a different one."""
    generator = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3), np.float32)
    for cells in (3, 6, 12, 24, 48):
        coarse = generator.normal(0, 255 / cells**0.7, (cells, cells, 3))
        layer = Image.fromarray(np.clip(coarse + 128, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float32) - 128
    return Image.fromarray(np.clip(total / 2 + 128, 0, 255).astype(np.uint8))
