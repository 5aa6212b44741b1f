"""Why the program answered as it did for one image, as plain data that the window and the command line read alike."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HeatMap = npt.NDArray[np.float32]

NUM_NEIGHBOURS = 5

COLOUR_MAP = "inferno"
"""Perceptually uniform: what looks twice as bright is twice as much (Smith and van der Walt, 2015)."""
_MOST_OPAQUE = 0.75


def opacity(heat: HeatMap) -> HeatMap:
    """Return how much (0..1) heat covers the picture below it: its root, for of the heat itself one sees little."""
    return np.asarray(_MOST_OPAQUE * np.sqrt(heat), np.float32)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training image that looks alike to the network."""

    path: str
    """Absolute."""
    label: str
    similarity: float
    """Cosine of the angle between the two embeddings: 1 for the same."""


@dataclass(frozen=True, slots=True)
class Box:
    """The square that the network saw, in shares of the width and height of the picture, from its upper left corner.

    Where the picture was padded the square goes beyond it: below 0 and above 1.
    """

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What in a picture speaks for a class, and the training images nearest to it."""

    path: str
    label: str
    """The class explained."""
    predicted: str
    """The class the network answers."""
    confidence: float
    """Softmax probability (0..1) of the class explained."""
    heat: HeatMap
    """Shape (S, S), 0..1, over `box`: how much each place speaks for the class (Grad-CAM)."""
    box: Box
    neighbours: tuple[Neighbour, ...] = ()
    """The nearest first; none where the model's run keeps no embeddings."""
