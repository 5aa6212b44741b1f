"""Start weights: torchvision's, or those of a file, as far as they fit."""

import pickle
import zipfile
from collections.abc import Generator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models.vision_transformer import interpolate_embeddings

from engine.catalog import Backbone
from engine.errors import EngineError
from engine.events import Event, Warned
from engine.ml.download import download
from engine.ml.models import Classifier
from engine.suggest import weights_folder

_WRAPPERS = ("state_dict", "model_state_dict", "model", "model_ema")
_MAX_NAMED = 5


def load_start_weights(model: Classifier, backbone: Backbone, source: str) -> Generator[Event, None, None]:
    """Put start weights into `model`: "none", "default" for torchvision's, or those in the file at a path.

    A head for another number of classes is left fresh. What else did not fit is listed in one warning. Raises
    EngineError where there are no such weights or nothing fits.
    """
    if source == "none":
        return
    path = Path(source).expanduser()
    if source == "default":
        if not backbone.weights_file:
            raise EngineError(
                f"There are no ImageNet weights for {backbone.name}. Start from scratch, or choose another backbone."
            )
        path = weights_folder() / backbone.weights_file
        if not path.is_file():
            yield from download(backbone.weights_url, path)
    tensors = _rename(read_tensors(path), model)
    if "backbone.encoder.pos_embedding" in tensors:
        tensors = _fit_positions(tensors, model)
    yield from _load_fitting(model, tensors, path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the named tensors in a .pth or .safetensors file as float32; raise EngineError where it holds none.

    Pickles are read with `weights_only=True`, so no code in them runs.
    """
    if not path.is_file():
        raise EngineError("There is no such file of weights.", path)
    try:
        found = load_file(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, zipfile.BadZipFile, ValueError) as error:
        raise EngineError("This file holds no plain weights, or it is damaged.", path) from error
    except OSError as error:
        raise EngineError(f"The weights could not be read: {error.strerror or error}.", path) from error
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise EngineError("This file holds no weights.", path)
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def _read_pickle(path: Path) -> Mapping[str, object]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            return content
        content = inner
    return {}


def _rename(tensors: dict[str, Tensor], model: Classifier) -> dict[str, Tensor]:
    """Give the tensors of a torchvision network the names they have in ours."""
    tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    if any(name.startswith("backbone.") for name in tensors):
        return tensors
    old_head = f"{model.original_head_name}."
    return {
        f"head.{name.removeprefix(old_head)}" if name.startswith(old_head) else f"backbone.{name}": value
        for name, value in tensors.items()
    }


def _fit_positions(tensors: dict[str, Tensor], model: Classifier) -> dict[str, Tensor]:
    """Interpolate a ViT's position embeddings to the image size of the network."""
    vit = model.backbone
    plain = {name.removeprefix("backbone."): value for name, value in tensors.items() if name.startswith("backbone.")}
    fitted = interpolate_embeddings(vit.image_size, vit.patch_size, plain)  # type: ignore[arg-type]
    return tensors | {f"backbone.{name}": value for name, value in fitted.items()}


def _load_fitting(model: Classifier, tensors: dict[str, Tensor], path: Path) -> Generator[Event, None, None]:
    own = model.state_dict()
    # SqueezeNet's head is a convolution of 1 x 1 in files and linear here
    tensors = {
        name: value.reshape(own[name].shape) if name == "head.weight" and value.numel() == own[name].numel() else value
        for name, value in tensors.items()
    }
    fitting = {name: value for name, value in tensors.items() if name in own and own[name].shape == value.shape}
    if not any(name.startswith("backbone.") for name in fitting):
        raise EngineError("Nothing in this file fits the chosen backbone. Choose the backbone it was made for.", path)
    model.load_state_dict(fitting, strict=False)
    left_out = [name for name in tensors if name not in fitting and not _is_expected(name)]
    fresh = [name for name in own if name not in fitting and not _is_expected(name)]
    if left_out or fresh:
        yield Warned(message=_describe(left_out, fresh), path=str(path))


def _is_expected(name: str) -> bool:
    """Say whether it is no news that this tensor does not fit: a replaced head, a counter, a head beside the main one."""
    return name.startswith("head.") or name.endswith("num_batches_tracked") or ".aux" in name.lower()


def _describe(left_out: list[str], fresh: list[str]) -> str:
    sentences = []
    if left_out:
        sentences.append(f"{len(left_out)} tensors of the file do not fit and are left out: {_names(left_out)}.")
    if fresh:
        sentences.append(f"{len(fresh)} tensors of the network start fresh: {_names(fresh)}.")
    return " ".join(sentences)


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(name.removeprefix("backbone.") for name in names[:_MAX_NAMED]) + more
