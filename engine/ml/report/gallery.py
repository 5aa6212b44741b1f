"""Pictures and words of images for a report, made from pixels, with paths below the data set and no others."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.core.errors import EngineError
from engine.data.decode import Pixels, decode, thumbnail
from engine.ml.report.charts import heat_picture, picture
from engine.results.evaluation import ImageResult
from engine.results.explanation import Explanation

_SIDE, _SMALL_SIDE, _LARGE_SIDE = 160, 96, 320


@dataclass(frozen=True, slots=True)
class Tile:
    """One image with its words. `source` is a `data:` address; None where the file can no longer be read."""

    source: str | None
    words: str
    path: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One image, where the network looked in it, and the training images that are nearest to it."""

    words: str
    is_wrong: bool
    path: str
    plain: str
    heat: str
    neighbours: tuple[Tile, ...]


class Gallery:
    """Makes the pictures of the data set at `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def tile(self, path: str, words: str, is_small: bool = False) -> Tile:
        """Return the middle square of an image of the data set with its words."""
        try:
            source = picture(thumbnail(self._root / path, _SMALL_SIDE if is_small else _SIDE))
        except EngineError:  # moved or deleted since training: its name is still told
            source = None
        return Tile(source, words, path)

    def judged(self, images: Iterable[ImageResult]) -> list[Tile]:
        """Return images that were judged, each with what it was taken for and how surely."""
        return [self.tile(image.path, in_words(image)) for image in images]

    def reason(self, image: ImageResult, explanation: Explanation) -> Reason:
        """Return an image with where the network looked in it; raise EngineError where it can no longer be read."""
        pixels = _resized(decode(self._root / image.path, _LARGE_SIDE))
        near = tuple(
            self.tile(self._below(neighbour.path), f"{neighbour.label}, {neighbour.similarity:.2f}", is_small=True)
            for neighbour in explanation.neighbours
        )
        return Reason(
            words=in_words(image),
            is_wrong=image.is_wrong,
            path=image.path,
            plain=picture(pixels),
            heat=heat_picture(explanation, pixels),
            neighbours=near,
        )

    def _below(self, path: str) -> str:
        # Of a data set that was moved, the model's run may still name the old place: the file's name is enough then
        relative = Path(os.path.relpath(path, self._root.absolute()))
        return relative.name if ".." in relative.parts or relative.is_absolute() else relative.as_posix()


def in_words(image: ImageResult) -> str:
    """Say what an image was taken for, and how surely (0..1)."""
    what = f"{image.label} taken for {image.predicted}" if image.is_wrong else image.label
    return f"{what}, {image.confidence:.2f}"


def _resized(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels)
    scale = _LARGE_SIDE / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))
