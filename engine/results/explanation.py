"""Explanation of one prediction: Grad-CAM heat map and most similar training images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.data.pixels.grey_range import GreyRanges

HeatMap = npt.NDArray[np.float32]

NUM_NEIGHBOURS = 5

COLOUR_MAP = "inferno"
"""A perceptually uniform colour map (Smith and van der Walt, 2015)."""
_MAX_OPACITY = 0.75


def opacity(heat: HeatMap) -> HeatMap:
    """Return the opacity (0..0.75) of a heat map (0..1) over its image.

    It grows with the square root, because low values would be invisible on a linear scale.
    """
    return np.asarray(_MAX_OPACITY * np.sqrt(heat), np.float32)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training image with a similar embedding."""

    path: str
    """Absolute path."""
    label: str
    similarity: float
    """Cosine similarity of the two embeddings; 1 for identical ones."""


@dataclass(frozen=True, slots=True)
class Box:
    """Square input region of the network, in fractions of image width and height from the upper left corner.

    Padding extends beyond the image: values below 0 and above 1.
    """

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Heat map of the evidence for one class, and the most similar training images."""

    path: str
    label: str
    """The explained class."""
    predicted: str
    confidence: float
    """Softmax probability (0..1) of the explained class."""
    heat: HeatMap
    """Grad-CAM over `box`, shape (S, S), 0..1."""
    box: Box
    neighbours: tuple[Neighbour, ...] = ()
    """Most similar first; empty if the model file has no reference embeddings."""
    grey_ranges: GreyRanges | None = None
    """Ranges of the model, by which images with more than 8 bits per channel are shown."""
