"""Read the tensors out of a file of weights, without running code that may be in it."""

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.errors import EngineError

_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net")
"""Keys under which training scripts keep the weights in their checkpoints."""

_DAMAGED = (
    # All that torch's restricted unpickler was seen to raise on files that are cut short, altered or of another kind
    pickle.UnpicklingError,
    SafetensorError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    struct.error,
)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the named tensors in a .safetensors or a torch file, on the CPU, half precision as float32.

    Raises EngineError where the file is missing, damaged, or holds Python objects beside tensors: those could run code.
    """
    if not path.is_file():
        raise EngineError("There is no such file of weights.", path)
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _unwrap(_load_pickle(path))
    except OSError as error:
        raise EngineError(f"The weights could not be read: {error.strerror or error}.", path) from error
    except _DAMAGED as error:
        raise EngineError(
            "This is no file of plain weights, or it is damaged. "
            "Weights are saved by torch.save(model.state_dict(), path) or as safetensors.",
            path,
        ) from error
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise EngineError("This file holds no weights.", path)
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def _load_pickle(path: Path) -> object:
    content: object = torch.load(path, map_location="cpu", weights_only=True)
    return content


def _unwrap(content: object) -> Mapping[object, object]:
    if not isinstance(content, Mapping):
        return {}
    for key in _WRAPPERS:
        if isinstance(content.get(key), Mapping):
            return _unwrap(content[key])
    return content
