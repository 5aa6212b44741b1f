"""Cheap networks for tests: the smallest of each family, and networks on the meta device."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from engine.config.backbones import BACKBONES
from engine.ml.models.build import Classifier, build_model

_FROM_LARGE_TO_SMALL = sorted(BACKBONES.values(), key=lambda row: -row.num_parameters)
SMALL = sorted({row.family: row.name for row in _FROM_LARGE_TO_SMALL}.values())
"""The smallest network of each family."""


def make_meta_model(name: str, num_classes: int = 5, image_size: int | None = None) -> Classifier:
    """Return a network on the meta device, with names and shapes only."""
    row = BACKBONES[name]
    if row.family == "RegNet":  # computes its widths with tensors
        return build_model(name, num_classes, image_size or row.image_size, 0.1).to("meta")
    with torch.device("meta"):
        return build_model(name, num_classes, image_size or row.image_size, 0.1)


def min_image_side(name: str) -> int:
    """Return the smallest image side in pixels that the network accepts."""
    row = BACKBONES[name]
    return -(-row.min_size // row.multiple_of) * row.multiple_of


def shared_file(*parts: str) -> Path:
    """Return a file of the shared folder next to the repository; skip the test if it is missing."""
    path = Path(__file__).parents[3].joinpath("..", "shared", *parts).resolve()
    if not path.is_file():
        pytest.skip(f"{'/'.join(parts)} is missing on this machine")
    return path


def flatten_all(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the values of all tensors as one vector."""
    return torch.cat([tensor.detach().flatten() for tensor in tensors])
