"""Reference embeddings: embeddings of training images, stored in a model file for out-of-distribution detection."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from engine.core.errors import EngineError
from engine.results.model_metadata import read_metadata

MAX_REFERENCE_IMAGES = 2000
"""Number of stored embeddings; unseen flower species were detected slightly worse with 1,000, no better with all."""
TENSOR_NAME = "reference"
"""Name of the tensor in a model file."""


def l2_normalize(embeddings: Tensor) -> Tensor:
    """Return embeddings (..., D) as float32, scaled to length 1."""
    return nn.functional.normalize(embeddings.float(), dim=-1)


def read_embeddings(model_path: Path) -> Tensor | None:
    """Return the reference embeddings in a model file, float32 (N, D) of length 1, or None if it has none.

    Raises:
        EngineError: If the file is not a model, or the embeddings do not match its network.
    """
    read_metadata(model_path)
    try:
        with safe_open(model_path, "pt") as file:
            if TENSOR_NAME not in file.keys():  # noqa: SIM118 - not a mapping
                return None
            embeddings_slice, head = file.get_slice(TENSOR_NAME), file.get_slice("head.weight")
            num_images, *size = embeddings_slice.get_shape()
            is_valid = 0 < num_images <= MAX_REFERENCE_IMAGES and embeddings_slice.get_dtype() == "F16"
            if not is_valid or size != head.get_shape()[1:]:
                raise ValueError("the embeddings do not match the network")
            embeddings = l2_normalize(file.get_tensor(TENSOR_NAME))
        if not embeddings.isfinite().all():
            raise ValueError("the embeddings are not finite")
    except (SafetensorError, ValueError, OSError) as error:
        raise EngineError("The weights in this model file are damaged or of another network.", model_path) from error
    return embeddings
