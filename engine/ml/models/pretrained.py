"""Load pretrained weights, from torchvision or a file, into a network as far as they match."""

import re
from collections.abc import Generator, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from engine.config.backbones import Backbone
from engine.config.presets import weights_folder
from engine.core.errors import EngineError
from engine.core.events import Event, Warned
from engine.ml.models.build import Classifier
from engine.ml.models.weight_download import download
from engine.ml.models.weight_files import read_tensors

_PREFIXES = ("module.", "_orig_mod.", "model.")
"""Prefixes that DataParallel, torch.compile and Lightning add to names."""

_OLD_NAMES = (
    # torchvision renamed these layers after it published the weights
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_2\."), r"\1.3."),
)

_POSITIONS = "encoder.pos_embedding"
_MAX_NAMES, _MAX_NAME_LENGTH = 5, 100


def load_pretrained(model: Classifier, backbone: Backbone, source: str) -> Generator[Event, None, None]:
    """Load pretrained weights into `model`.

    A head for another number of classes stays as initialised. Other tensors that do not match are listed in one
    warning.

    Args:
        model: The network to load into.
        backbone: Its row in the catalog.
        source: "none", "default" (ImageNet weights, downloaded if necessary), or the path of a file.

    Raises:
        EngineError: If there are no such weights or nothing in the file matches.
    """
    if source == "none":
        return
    path = Path(source).expanduser()
    if source == "default":
        if not backbone.weights_file:
            raise EngineError(
                f"There are no ImageNet weights for {backbone.name}. "
                "Use a file or no pretrained weights, or choose another backbone such as mobilenet_v2."
            )
        path = weights_folder() / backbone.weights_file
        if not path.is_file():
            yield from download(backbone.weights_url, path)
    unexpected_keys, missing_keys = load_matching(model, read_tensors(path), path)
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise EngineError("This weights file contains values that are not finite. Choose another file.", path)
    if unexpected_keys or missing_keys:
        yield Warned(message=_describe(unexpected_keys, missing_keys), path=str(path))


def load_matching(model: Classifier, tensors: Mapping[str, Tensor], path: Path) -> tuple[list[str], list[str]]:
    """Copy the tensors that match into `model`; names of torchvision, DataParallel, Lightning and others are mapped.

    Args:
        model: The network to load into.
        tensors: The tensors of the file by name.
        path: The file, for the error message.

    Returns:
        The unexpected keys (tensors of the file that do not match) and the missing keys (parameters that are not in
        the file), both without a replaced head, auxiliary heads and batch counters.

    Raises:
        EngineError: If no tensor of the backbone matches.
    """
    own = model.state_dict()
    renamed = {_own_name(name, model): value for name, value in tensors.items()}
    renamed = {name: _reshape(name, value, model) for name, value in renamed.items()}
    # Integer tables are indices that the network computes itself; foreign ones could be out of range
    renamed = {name: value for name, value in renamed.items() if value.is_floating_point() or not value.ndim}
    own_shapes = {name: value.shape for name, value in own.items() if value.is_floating_point() or not value.ndim}
    matching = {name for name, value in renamed.items() if own_shapes.get(name) == value.shape}
    if not any(name.startswith("backbone.") for name in matching):
        raise EngineError(
            "Nothing in this file matches the chosen backbone. Choose the backbone it was made for.", path
        )
    with torch.no_grad():
        for name in matching:
            own[name].copy_(renamed[name])
    unexpected_keys = [name for name in renamed if name not in matching and not _is_expected(name)]
    missing_keys = [name for name, _ in model.named_parameters() if name not in matching and not _is_expected(name)]
    return unexpected_keys, missing_keys


def _own_name(name: str, model: Classifier) -> str:
    """Return the name in a Classifier of a tensor of torchvision or of a model file."""
    while name.startswith(_PREFIXES):
        name = name.partition(".")[2]
    if name.startswith(("backbone.", "head.")):
        return name
    old_head = f"{model.original_head_name}."
    if name.startswith(old_head):
        return f"head.{name.removeprefix(old_head)}"
    for pattern, replacement in _OLD_NAMES:
        name = pattern.sub(replacement, name)
    return f"backbone.{name}"


def _reshape(name: str, value: Tensor, model: Classifier) -> Tensor:
    if name == "head.weight" and value.ndim == 4:  # SqueezeNet's head is a 1 x 1 convolution in files
        return value.flatten(1)
    if name == f"backbone.{_POSITIONS}" and isinstance(model.backbone, VisionTransformer):
        return _interpolate_positions(value, model.backbone)
    return value


def _interpolate_positions(positions: Tensor, vit: VisionTransformer) -> Tensor:
    """Interpolate a ViT's position embeddings, shape (1, 1 + S * S, D), to the grid of another image size."""
    try:
        state = interpolate_embeddings(vit.image_size, vit.patch_size, {_POSITIONS: positions.float()})
    except (ValueError, RuntimeError):  # not a square grid, or an empty one: unchanged, it does not match
        return positions
    interpolated: Tensor = state[_POSITIONS]
    return interpolated


def _is_expected(name: str) -> bool:
    is_aux_head = name.startswith(("backbone.aux1.", "backbone.aux2.", "backbone.AuxLogits."))
    return is_aux_head or name.startswith("head.") or name.endswith("num_batches_tracked")


def _describe(unexpected_keys: list[str], missing_keys: list[str]) -> str:
    sentences = []
    if unexpected_keys:
        sentences.append(f"Tensors of the file that do not match and were ignored: {_names(unexpected_keys)}.")
    if missing_keys:
        sentences.append(f"Parameters that are not in the file and start random: {_names(missing_keys)}.")
    return " ".join(sentences)


def _names(names: list[str]) -> str:
    shown = ", ".join(name.removeprefix("backbone.")[:_MAX_NAME_LENGTH] for name in names[:_MAX_NAMES])
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"{len(names)} ({shown}{more})"
