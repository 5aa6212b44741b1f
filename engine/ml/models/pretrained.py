"""Load pretrained weights, from torchvision or a file, into a network as far as they match."""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from engine.config.backbones import Backbone
from engine.config.local_weights import weights_path
from engine.core.errors import EngineError
from engine.core.events import Event, Warned
from engine.core.formatting import listing
from engine.ml.models.build import Classifier
from engine.ml.models.included_weights import load_included_weights
from engine.ml.models.pretrained_head import load_head
from engine.ml.models.weight_download import download
from engine.ml.models.weight_files import read_weights
from engine.ml.models.weight_names import BACKBONE, HEAD, to_own_names

_MAX_NAME_LENGTH = 100


def load_pretrained(
    model: Classifier, backbone: Backbone, source: str, classes: Sequence[str]
) -> Generator[Event, None, bool]:
    """Load pretrained weights into `model`.

    Rows of the head are loaded for classes that the file names; other rows stay as initialised. Tensors of the backbone
    that do not match are listed in one warning.

    Args:
        model: The network to load into.
        backbone: Its row in the catalog.
        source: "none", "default" (ImageNet weights, included or downloaded if necessary), or the path of a file.
        classes: Names of the classes of `model`, in the order of its head.

    Returns:
        True if the file has a head for all of the classes.

    Raises:
        EngineError: If there are no such weights, nothing in the file matches, or it is a model of another backbone.
    """
    if source == "none":
        return False
    path = Path(source).expanduser()
    if source == "default":
        if not backbone.weights_file:
            raise EngineError(
                f"There are no ImageNet weights for {backbone.name}. "
                "Use a file or no pretrained weights, or choose another backbone such as mobilenet_v2."
            )
        path = weights_path(backbone)
        if backbone.is_included:
            load_included_weights(model, path)
            return False
        if not path.is_file():
            yield from download(backbone.weights_url, path)
    file = read_weights(path)
    if file.backbone not in (None, backbone.name):
        raise EngineError(f"This model has the backbone {file.backbone}. Choose this backbone to start from it.", path)
    tensors = to_own_names(model, file.tensors)
    unexpected_keys, missing_keys = load_matching(model, tensors, path)
    num_known, new_classes = load_head(model, tensors, file.classes, classes)
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise EngineError("This weights file contains values that are not finite. Choose another file.", path)
    yield from (Warned(message=message, path=str(path)) for message in new_classes)
    if unexpected_keys or missing_keys:
        yield Warned(message=_describe(unexpected_keys, missing_keys), path=str(path))
    return num_known == len(classes)


def load_matching(model: Classifier, tensors: Mapping[str, Tensor], path: Path) -> tuple[list[str], list[str]]:
    """Copy the tensors that match into the backbone of `model`.

    Args:
        model: The network to load into.
        tensors: The tensors of a file under the names of a Classifier.
        path: The file, for the error message.

    Returns:
        The unexpected keys (tensors of the file that do not match) and the missing keys (parameters that are not in
        the file), both without the head, auxiliary heads and batch counters.

    Raises:
        EngineError: If no tensor of the backbone matches.
    """
    # Integer tables are indices that the network computes itself; foreign ones could be out of range
    own = {name: value for name, value in model.state_dict().items() if value.is_floating_point() or not value.ndim}
    matching = [
        name
        for name, value in tensors.items()
        if name.startswith(BACKBONE)
        and name in own
        and value.shape == own[name].shape
        and (value.is_floating_point() or not value.ndim)
    ]
    if not matching:
        raise EngineError(
            "Nothing in this file matches the chosen backbone. Choose the backbone it was made for.", path
        )
    with torch.no_grad():
        for name in matching:
            own[name].copy_(tensors[name])
    expected = {*matching, *(name for name in own if _is_expected(name))}
    floats = [name for name, value in tensors.items() if value.is_floating_point() or not value.ndim]
    unexpected_keys = [name for name in floats if name not in expected and not _is_expected(name)]
    missing_keys = [name for name, _ in model.named_parameters() if name not in expected]
    return unexpected_keys, missing_keys


def _is_expected(name: str) -> bool:
    is_aux_head = name.startswith(("backbone.aux1.", "backbone.aux2.", "backbone.AuxLogits."))
    return is_aux_head or name.startswith(HEAD) or name.endswith("num_batches_tracked")


def _describe(unexpected_keys: list[str], missing_keys: list[str]) -> str:
    sentences = []
    if unexpected_keys:
        sentences.append(f"Tensors of the file that do not match and were ignored: {_names(unexpected_keys)}.")
    if missing_keys:
        sentences.append(f"Parameters that are not in the file and start random: {_names(missing_keys)}.")
    return " ".join(sentences)


def _names(names: list[str]) -> str:
    return f"{len(names)} ({listing([name.removeprefix(BACKBONE)[:_MAX_NAME_LENGTH] for name in names])})"
