"""Image tiles of the report. Their paths are relative to the dataset, so that no other path is published."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.core.errors import EngineError
from engine.core.formatting import percent
from engine.data.decode import Pixels, decode, thumbnail
from engine.data.pixels.grey_range import GreyRanges
from engine.ml.report.embedded_images import heat_map_url, jpeg_url
from engine.results.evaluation import ImageResult
from engine.results.explanation import Explanation

_SIDE, _SMALL_SIDE, _LARGE_SIDE = 160, 96, 320


@dataclass(frozen=True, slots=True)
class Tile:
    """One image with a caption."""

    url: str | None
    """`data:` URL; None if the file can no longer be read."""
    caption: str
    path: str
    """Relative to the dataset."""


@dataclass(frozen=True, slots=True)
class ExplainedImage:
    """One image with its heat map and the most similar training images."""

    caption: str
    is_wrong: bool
    path: str
    """Relative to the dataset."""
    image_url: str
    heat_map_url: str
    neighbours: tuple[Tile, ...]


class Gallery:
    """Creates the tiles of the dataset at `root`, whose deep images are scaled as for its model."""

    def __init__(self, root: Path, grey_ranges: GreyRanges | None) -> None:
        self._root, self._grey_ranges = root, grey_ranges

    def tile(self, path: str, caption: str, is_small: bool = False) -> Tile:
        """Return the centre square of an image of the dataset with a caption."""
        try:
            side = _SMALL_SIDE if is_small else _SIDE
            url = jpeg_url(thumbnail(self._root / path, side, self._grey_ranges))
        except EngineError:  # moved or deleted since training; its name is still shown
            url = None
        return Tile(url, caption, path)

    def predictions(self, images: Iterable[ImageResult]) -> list[Tile]:
        """Return tiles of evaluated images with true class, predicted class and confidence."""
        return [self.tile(image.path, describe_prediction(image)) for image in images]

    def explained(self, image: ImageResult, explanation: Explanation) -> ExplainedImage:
        """Return an image with its heat map and neighbours; raise EngineError if it can no longer be read."""
        pixels = _resize(decode(self._root / image.path, _LARGE_SIDE, self._grey_ranges))
        neighbours = tuple(
            self.tile(
                self._relative_path(neighbour.path), f"{neighbour.label}, {neighbour.similarity:.2f}", is_small=True
            )
            for neighbour in explanation.neighbours
        )
        return ExplainedImage(
            caption=describe_prediction(image),
            is_wrong=image.is_wrong,
            path=image.path,
            image_url=jpeg_url(pixels),
            heat_map_url=heat_map_url(explanation, pixels),
            neighbours=neighbours,
        )

    def _relative_path(self, path: str) -> str:
        # After the dataset was moved, the run still has the old absolute paths; then only the file name is shown
        relative = Path(os.path.relpath(path, self._root.absolute()))
        return relative.name if ".." in relative.parts or relative.is_absolute() else relative.as_posix()


def describe_prediction(image: ImageResult) -> str:
    """Return true and predicted class with the confidence: `ants → bees, 85 %`, or `ants, 85 %` if correct."""
    classes = f"{image.label} → {image.predicted}" if image.is_wrong else image.label
    return f"{classes}, {percent(image.confidence)}"


def _resize(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels)
    scale = _LARGE_SIDE / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))
