"""Embeddings of training images that a model file carries for out-of-distribution detection."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from engine.core.errors import EngineError
from engine.results.model_metadata import read_metadata

MAX_REFERENCE_IMAGES = 2000
"""Training images that are kept: with 1,000 new kinds of flowers were told apart a little worse, with all no better."""
TENSOR_NAME = "reference"
"""Its name in a model file."""


def l2_normalize(embeddings: Tensor) -> Tensor:
    """Return embeddings (..., D) in float32 and of length 1."""
    return nn.functional.normalize(embeddings.float(), dim=-1)


def read_embeddings(model_path: Path) -> Tensor | None:
    """Return the embeddings in a model file, (N, D) of length 1, or None where it has none.

    Raises EngineError where the file is no model, or these are no embeddings of its network.
    """
    read_metadata(model_path)
    try:
        with safe_open(model_path, "pt") as file:
            if TENSOR_NAME not in file.keys():  # noqa: SIM118 - a safetensors file is no mapping
                return None
            part, head = file.get_slice(TENSOR_NAME), file.get_slice("head.weight")
            num_images, *size = part.get_shape()
            if not 0 < num_images <= MAX_REFERENCE_IMAGES or size != head.get_shape()[1:] or part.get_dtype() != "F16":
                raise ValueError("these are no embeddings of this network")
            embeddings = l2_normalize(file.get_tensor(TENSOR_NAME))
        if not embeddings.isfinite().all():
            raise ValueError("these are not numbers")
    except (SafetensorError, ValueError, OSError) as error:
        raise EngineError("The weights in this model file are damaged or of another network.", model_path) from error
    return embeddings
