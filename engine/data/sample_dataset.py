"""Generation of the sample dataset: six classes of shapes and textures, drawn from a seed.

Position, size, angle, colours and background are random in every class. Only the shape distinguishes the classes, so a
linear model on pixels performs badly.
"""

import math
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from engine.core.events import Event
from engine.core.progress import Ticker

SIDE = 64
"""Width and height of the images in pixels."""
NUM_PER_CLASS = {"train": 80, "val": 20, "test": 5}
_OVERSAMPLING = 3
_CANVAS = SIDE * _OVERSAMPLING

Colour: TypeAlias = tuple[int, int, int]
Painter: TypeAlias = Callable[[ImageDraw.ImageDraw, np.random.Generator, Colour], None]


def write_sample_dataset(folder: Path, seed: int = 0) -> Generator[Event, None, Path]:
    """Write train/, val/ and test/ with one folder per class below `folder`; return `folder`.

    Existing images are overwritten; the same seed gives the same images.
    """
    ticker = Ticker("prepare", sum(NUM_PER_CLASS.values()) * len(PAINTERS))
    num_done = 0
    for split_number, (split, num_images) in enumerate(NUM_PER_CLASS.items()):
        for class_number, (name, painter) in enumerate(PAINTERS.items()):
            class_folder = folder / split / name
            class_folder.mkdir(parents=True, exist_ok=True)
            for number in range(num_images):
                generator = np.random.default_rng([seed, split_number, class_number, number])
                draw_sample(painter, generator).save(class_folder / f"{name}-{number:03}.png")
                num_done += 1
                yield from ticker.at(num_done)
    return folder


def draw_sample(painter: Painter, generator: np.random.Generator) -> Image.Image:
    """Draw one image of `SIDE` x `SIDE` pixels."""
    back, front = _two_colours(generator)
    canvas = Image.new("RGB", (_CANVAS, _CANVAS), back)
    draw = ImageDraw.Draw(canvas)
    _scribble(draw, generator, front)
    painter(draw, generator, front)
    image = canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    image = image.filter(ImageFilter.GaussianBlur(float(generator.uniform(0, 0.8))))
    noise = generator.normal(0, generator.uniform(2, 14), (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def _two_colours(generator: np.random.Generator) -> tuple[Colour, Colour]:
    """Return two colours with a visible difference in brightness."""
    while True:
        first, second = generator.integers(20, 236, (2, 3))
        if abs(int(first.sum()) - int(second.sum())) > 180:
            return tuple(first.tolist()), tuple(second.tolist())


def _scribble(draw: ImageDraw.ImageDraw, generator: np.random.Generator, colour: Colour) -> None:
    """Draw up to three thin lines that are independent of the class."""
    for _ in range(int(generator.integers(0, 4))):
        ends = generator.uniform(0, _CANVAS, 4).tolist()
        draw.line(ends, fill=colour, width=_OVERSAMPLING)


def _random_position(generator: np.random.Generator) -> tuple[float, float, float, float]:
    """Return x, y, radius and angle of a shape inside the canvas."""
    radius = float(generator.uniform(0.2, 0.38)) * _CANVAS
    x, y = generator.uniform(radius, _CANVAS - radius, 2).tolist()
    return x, y, radius, float(generator.uniform(0, 2 * math.pi))


def _polygon(draw: ImageDraw.ImageDraw, generator: np.random.Generator, colour: Colour, radii: list[float]) -> None:
    x, y, radius, angle = _random_position(generator)
    step = 2 * math.pi / len(radii)
    points = [
        (x + radius * r * math.cos(angle + i * step), y + radius * r * math.sin(angle + i * step))
        for i, r in enumerate(radii)
    ]
    draw.polygon(points, fill=colour)


def _paint_ring(draw: ImageDraw.ImageDraw, generator: np.random.Generator, colour: Colour) -> None:
    x, y, radius, _ = _random_position(generator)
    width = round(radius * float(generator.uniform(0.25, 0.5)))
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)


def _paint_triangle(draw: ImageDraw.ImageDraw, generator: np.random.Generator, colour: Colour) -> None:
    _polygon(draw, generator, colour, [1.0, 1.0, 1.0])


def _paint_star(draw: ImageDraw.ImageDraw, generator: np.random.Generator, colour: Colour) -> None:
    _polygon(draw, generator, colour, [1.0, 0.4] * 5)


def _grid_points(generator: np.random.Generator) -> tuple[list[tuple[float, float]], float]:
    """Return the points of a rotated square grid that covers the canvas, and their spacing."""
    distance = float(generator.uniform(0.14, 0.24)) * _CANVAS
    angle = float(generator.uniform(0, math.pi / 2))
    shift = generator.uniform(0, distance, 2)
    reach = math.ceil(_CANVAS / distance)
    across, along = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    u, v = across.ravel() * distance + shift[0], along.ravel() * distance + shift[1]
    x = _CANVAS / 2 + u * math.cos(angle) - v * math.sin(angle)
    y = _CANVAS / 2 + u * math.sin(angle) + v * math.cos(angle)
    return list(zip(x.tolist(), y.tolist())), distance


def _paint_dots(draw: ImageDraw.ImageDraw, generator: np.random.Generator, colour: Colour) -> None:
    points, distance = _grid_points(generator)
    radius = distance * float(generator.uniform(0.22, 0.34))
    for x, y in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _paint_stripes(draw: ImageDraw.ImageDraw, generator: np.random.Generator, colour: Colour) -> None:
    distance = float(generator.uniform(0.14, 0.26)) * _CANVAS
    angle, shift = float(generator.uniform(0, math.pi)), float(generator.uniform(0, distance))
    along = (math.cos(angle) * 2 * _CANVAS, math.sin(angle) * 2 * _CANVAS)
    for number in range(-math.ceil(_CANVAS / distance), math.ceil(_CANVAS / distance) + 1):
        offset = number * distance + shift
        x, y = _CANVAS / 2 - math.sin(angle) * offset, _CANVAS / 2 + math.cos(angle) * offset
        ends = (x - along[0], y - along[1], x + along[0], y + along[1])
        draw.line(ends, fill=colour, width=round(distance * 0.45))


def _paint_zigzag(draw: ImageDraw.ImageDraw, generator: np.random.Generator, colour: Colour) -> None:
    distance = float(generator.uniform(0.2, 0.32)) * _CANVAS
    angle, shift = float(generator.uniform(0, math.pi)), float(generator.uniform(0, distance))
    cosine, sine = math.cos(angle), math.sin(angle)
    reach = math.ceil(_CANVAS / distance) + 1
    for number in range(-reach, reach + 1):
        offset = number * distance + shift
        corners = [(t * distance / 2, offset + (t % 2) * distance * 0.5) for t in range(-2 * reach, 2 * reach + 1)]
        points = [(_CANVAS / 2 + u * cosine - v * sine, _CANVAS / 2 + u * sine + v * cosine) for u, v in corners]
        draw.line(points, fill=colour, width=round(distance * 0.25), joint="curve")


PAINTERS: dict[str, Painter] = {
    "dots": _paint_dots,
    "ring": _paint_ring,
    "star": _paint_star,
    "stripes": _paint_stripes,
    "triangle": _paint_triangle,
    "zigzag": _paint_zigzag,
}
