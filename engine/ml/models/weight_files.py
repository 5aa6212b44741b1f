"""Read the tensors out of a file of weights, without running code that may be in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.safe_read import read_safetensors_header
from engine.ml.models.safe_pickle import DAMAGED, load_torch_file
from engine.ml.runtime.memory import is_out_of_memory

_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net")
"""Keys under which training scripts keep the weights in their checkpoints."""
_LONGEST_NAME = 500


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the named tensors in a .safetensors or a torch file, on the CPU.

    They lie in the file until they are copied, so it must stay until then. Raises EngineError where the file is
    missing, damaged, or holds Python objects beside tensors: those could run code.
    """
    try:
        content = _load_safetensors(path) if path.suffix == ".safetensors" else _unwrap(load_torch_file(path))
        most_bytes = path.stat().st_size
    except FileNotFoundError as error:
        raise EngineError("There is no such file of weights.", path) from error
    except OSError as error:
        raise EngineError(f"The weights could not be read: {error.strerror or error}.", path) from error
    except DAMAGED as error:
        if is_out_of_memory(error):
            raise
        raise EngineError(
            "This is not a file of plain weights, or it is damaged. "
            "Weights are saved by torch.save(model.state_dict(), path) or as safetensors.",
            path,
        ) from error
    tensors = {name: value for name, value in content.items() if _is_name(name) and _is_plain(value, most_bytes)}
    if not tensors:
        raise EngineError("This file holds no weights.", path)
    return tensors


def _load_safetensors(path: Path) -> Mapping[str, object]:
    read_safetensors_header(path)  # refuses pipes, devices and headers without end
    return dict(load_file(path))


def _is_name(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and len(name) <= _LONGEST_NAME


def _is_plain(value: object, most_bytes: int) -> TypeGuard[Tensor]:
    """Say whether a value is a tensor of real numbers, and no view that claims more of them than the file has."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and not (value.is_complex() or value.is_quantized or value.is_meta)
        and value.numel() * value.element_size() <= most_bytes
    )


def _unwrap(content: object) -> Mapping[Any, object]:
    if not isinstance(content, Mapping):
        return {}
    for key in _WRAPPERS:
        if isinstance(content.get(key), Mapping):
            return _unwrap(content[key])
    return content
