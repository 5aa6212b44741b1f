"""Read tensors and class names from weight files (.safetensors, .pth, .pt, .ckpt) without running code in them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.safe_read import read_safetensors_header
from engine.data.class_names import ClassNames
from engine.ml.models.safe_pickle import DAMAGED, ForbiddenObjectError, load_torch_file
from engine.ml.runtime.memory import is_out_of_memory
from engine.results.model_metadata import METADATA_KEY

_WRAPPERS = (
    # Keys under which training programs store the weights in their checkpoints, best ones first
    *("state_dict", "model_state_dict", "model_state", "model_weights", "model", "module", "net", "network", "weights"),
    *(
        "params",
        "parameters",
        "ema",
        "ema_state_dict",
        "state_dict_ema",
        "model_ema",
        "params_ema",
        "teacher",
        "student",
    ),
    *("backbone", "encoder"),
)
_CLASS_LISTS = ("classes", "class_names", "class_to_idx", "idx_to_class", "names", "labels", "categories", "id2label")
"""Keys under which they store the classes: a list, or a dictionary of numbers."""
_MAX_NAME_LENGTH = 500


@dataclass(frozen=True, slots=True)
class WeightFile:
    """The content of a weights file."""

    tensors: dict[str, Tensor]
    """Dense real tensors on the CPU. They may be memory-mapped, so the file must exist until they are copied."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of the head; empty if the file has none."""
    backbone: str | None = None
    """Name of the backbone if this program wrote the file."""


def read_weights(path: Path) -> WeightFile:
    """Read a .safetensors or a torch file.

    Raises:
        EngineError: If the file is missing, damaged, or contains Python objects other than tensors, which could run
            code.
    """
    try:
        if path.suffix == ".safetensors":
            header = json.loads(read_safetensors_header(path))  # rejects pipes, devices and oversized headers
            content: Mapping[Any, object] = load_file(path)
            classes, backbone = _own_metadata(header)
        else:
            whole = load_torch_file(path)
            content, classes, backbone = _unwrap(whole), _foreign_classes(whole), None
        max_bytes = path.stat().st_size
    except FileNotFoundError as error:
        raise EngineError("This weights file does not exist.", path) from error
    except OSError as error:
        raise EngineError(f"The weights could not be read: {error.strerror or error}.", path) from error
    except ForbiddenObjectError as error:
        raise EngineError(
            f"This is not a file of plain weights: it contains {error}, which could run code. Save the weights alone "
            "with torch.save(model.state_dict(), path) or as safetensors.",
            path,
        ) from error
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
    if backbone is not None:  # reference embeddings and other parts of a model file are no weights
        tensors = {name: value for name, value in tensors.items() if name.startswith(("backbone.", "head."))}
    return WeightFile(tensors, classes, backbone)


def _own_metadata(header: Any) -> tuple[tuple[str, ...], str | None]:
    """Return the classes and the backbone of a model file of this program; nothing for other files."""
    try:
        metadata = json.loads(header["__metadata__"][METADATA_KEY])
        return _class_names(metadata["classes"]), str(metadata["backbone"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return (), None


def _foreign_classes(content: object) -> tuple[str, ...]:
    """Return the class names that a checkpoint holds beside or above its weights."""
    if not isinstance(content, Mapping):
        return ()
    for key in _CLASS_LISTS:
        if names := _class_names(content.get(key)):
            return names
    return _foreign_classes(content.get(_wrapper(content)))


def _class_names(names: object) -> tuple[str, ...]:
    """Return a list of names, or a dictionary from name to number or from number to name, in order of the numbers."""
    if isinstance(names, Mapping):
        pairs = [(number, name) if isinstance(name, str) else (name, number) for number, name in names.items()]
        numbered = {int(number): name for number, name in pairs if isinstance(number, int) or str(number).isdecimal()}
        names = [numbered.get(number) for number in range(len(names))]
    try:
        return _CLASS_NAMES.validate_python(names)
    except ValidationError:
        return ()


_CLASS_NAMES: TypeAdapter[tuple[str, ...]] = TypeAdapter(ClassNames)


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
    key = _wrapper(content)
    return content if key is None else _unwrap(content[key])


def _wrapper(content: Mapping[Any, object]) -> str | None:
    return next((key for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
