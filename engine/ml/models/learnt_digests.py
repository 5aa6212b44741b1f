"""Digests of the training images in a model file."""

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.audit.image_digests import DIGEST
from engine.audit.learnt_images import MAX_IMAGES, LearntImages
from engine.core.errors import EngineError
from engine.results.model_metadata import read_metadata

LEARNT_NAME = "learnt"
"""Name of the tensor in a model file: uint8, shape (N, 28)."""


def to_tensor(learnt: LearntImages) -> Tensor:
    """Return digests as they are stored, uint8, shape (N, 28)."""
    return torch.from_numpy(np.frombuffer(learnt.digests.tobytes(), np.uint8).reshape(-1, DIGEST.itemsize).copy())


def read_learnt(model_path: Path) -> LearntImages | None:
    """Return the digests of the images that a model learnt from; None for a model of an older version.

    Raises:
        EngineError: The file is not a model, or its digests are damaged.
    """
    read_metadata(model_path)
    try:
        with safe_open(model_path, "pt") as file:
            if LEARNT_NAME not in file.keys():  # noqa: SIM118 - not a mapping
                return None
            stored = file.get_slice(LEARNT_NAME)
            num_images, *size = stored.get_shape()
            if stored.get_dtype() != "U8" or size != [DIGEST.itemsize] or num_images > MAX_IMAGES:
                raise ValueError("the digests have another form")
            content = file.get_tensor(LEARNT_NAME).numpy().tobytes()
    except (SafetensorError, ValueError, OSError) as error:
        raise EngineError("The list of training images in this model file is damaged.", model_path) from error
    return LearntImages(np.frombuffer(content, DIGEST))
