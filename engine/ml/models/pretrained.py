"""Start weights: torchvision's, or those of a file, as far as they fit."""

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
"""What DataParallel, torch.compile and Lightning put in front of names."""

_OLD_NAMES = (
    # torchvision renamed these layers after it had published the weights
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_2\."), r"\1.3."),
)

_POSITIONS = "encoder.pos_embedding"
_MOST_NAMED, _MOST_LETTERS = 5, 100


def load_pretrained(model: Classifier, backbone: Backbone, source: str) -> Generator[Event, None, None]:
    """Put start weights into `model`: "none", "default" for ImageNet's, or those in the file at a path.

    A head for another number of classes is left fresh. What else did not fit is listed in one warning. Raises
    EngineError where there are no such weights or nothing fits.
    """
    if source == "none":
        return
    path = Path(source).expanduser()
    if source == "default":
        if not backbone.weights_file:
            raise EngineError(
                f"There are no ImageNet weights for {backbone.name}. "
                "Start from scratch, from a file, or choose another backbone such as mobilenet_v2."
            )
        path = weights_folder() / backbone.weights_file
        if not path.is_file():
            yield from download(backbone.weights_url, path)
    left_out, fresh = load_matching(model, read_tensors(path), path)
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise EngineError("Weights in this file are not numbers, so nothing can be learnt from them.", path)
    if left_out or fresh:
        yield Warned(message=_describe(left_out, fresh), path=str(path))


def load_matching(model: Classifier, tensors: Mapping[str, Tensor], path: Path) -> tuple[list[str], list[str]]:
    """Copy the tensors that fit into `model`, whatever network of this kind they are named after.

    Returns names of the tensors that did not fit and of the parameters that stay as they are, without those of which
    that is no news: a replaced head, counters, heads beside the main one. Raises EngineError where nothing fits.
    """
    own = model.state_dict()
    renamed = {_own_name(name, model): value for name, value in tensors.items()}
    renamed = {name: _reshape(name, value, model) for name, value in renamed.items()}
    # Tables of whole numbers are positions that a network computes itself: others would lead out of what they index
    renamed = {name: value for name, value in renamed.items() if value.is_floating_point() or not value.ndim}
    learnt = {name: value.shape for name, value in own.items() if value.is_floating_point() or not value.ndim}
    fitting = {name for name, value in renamed.items() if learnt.get(name) == value.shape}
    if not any(name.startswith("backbone.") for name in fitting):
        raise EngineError("Nothing in this file fits the chosen backbone. Choose the backbone it was made for.", path)
    with torch.no_grad():
        for name in fitting:
            own[name].copy_(renamed[name])
    left_out = [name for name in renamed if name not in fitting and not _is_expected(name)]
    fresh = [name for name, _ in model.named_parameters() if name not in fitting and not _is_expected(name)]
    return left_out, fresh


def _own_name(name: str, model: Classifier) -> str:
    """Return what a tensor of torchvision's network, or of one of our own model files, is called in ours."""
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
    if name == "head.weight" and value.ndim == 4:  # SqueezeNet's head is a convolution of 1 x 1 in files
        return value.flatten(1)
    if name == f"backbone.{_POSITIONS}" and isinstance(model.backbone, VisionTransformer):
        return _fit_positions(value, model.backbone)
    return value


def _fit_positions(positions: Tensor, vit: VisionTransformer) -> Tensor:
    """Interpolate a ViT's position embeddings, shape (1, 1 + S * S, D), to the grid of another image size."""
    try:
        state = interpolate_embeddings(vit.image_size, vit.patch_size, {_POSITIONS: positions.float()})
    except (ValueError, RuntimeError):  # no square grid, or an empty one: left as it is, it will not fit
        return positions
    fitted: Tensor = state[_POSITIONS]
    return fitted


def _is_expected(name: str) -> bool:
    is_aux_head = name.startswith(("backbone.aux1.", "backbone.aux2.", "backbone.AuxLogits."))
    return is_aux_head or name.startswith("head.") or name.endswith("num_batches_tracked")


def _describe(left_out: list[str], fresh: list[str]) -> str:
    sentences = []
    if left_out:
        sentences.append(f"Tensors of the file that did not fit and were left out: {_names(left_out)}.")
    if fresh:
        sentences.append(f"Tensors of the network that start fresh: {_names(fresh)}.")
    return " ".join(sentences)


def _names(names: list[str]) -> str:
    shown = ", ".join(name.removeprefix("backbone.")[:_MOST_LETTERS] for name in names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{len(names)} ({shown}{more})"
