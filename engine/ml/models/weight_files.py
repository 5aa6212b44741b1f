"""Read tensors from weight files (.safetensors, .pth, .pt, .ckpt) without running code in them."""

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
"""Keys under which training scripts store the weights in their checkpoints."""
_MAX_NAME_LENGTH = 500


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the named tensors in a .safetensors or a torch file, on the CPU.

    They may be memory-mapped, so the file must exist until they are copied.

    Raises:
        EngineError: If the file is missing, damaged, or contains Python objects other than tensors, which could run
            code.
    """
    try:
        content = _load_safetensors(path) if path.suffix == ".safetensors" else _unwrap(load_torch_file(path))
        max_bytes = path.stat().st_size
    except FileNotFoundError as error:
        raise EngineError("This weights file does not exist.", path) from error
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
    tensors = {name: value for name, value in content.items() if _is_name(name) and _is_plain(value, max_bytes)}
    if not tensors:
        raise EngineError("This file contains no weights.", path)
    return tensors


def _load_safetensors(path: Path) -> Mapping[str, object]:
    read_safetensors_header(path)  # rejects pipes, devices and oversized headers
    return dict(load_file(path))


def _is_name(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and len(name) <= _MAX_NAME_LENGTH


def _is_plain(value: object, max_bytes: int) -> TypeGuard[Tensor]:
    """Return whether a value is a dense real tensor that is not larger than the file, as an expanded view can be."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and not (value.is_complex() or value.is_quantized or value.is_meta)
        and value.numel() * value.element_size() <= max_bytes
    )


def _unwrap(content: object) -> Mapping[Any, object]:
    if not isinstance(content, Mapping):
        return {}
    for key in _WRAPPERS:
        if isinstance(content.get(key), Mapping):
            return _unwrap(content[key])
    return content
