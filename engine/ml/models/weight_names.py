"""Map the names of tensors in weight files of other programs to the names in a Classifier."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from torch import Tensor

from engine.ml.models.build import Classifier
from engine.ml.models.lazy_torchvision import interpolate_positions, is_vision_transformer

BACKBONE, HEAD = "backbone.", "head."
"""Prefixes of the names in a Classifier."""
_POSITIONS = f"{BACKBONE}encoder.pos_embedding"
_MAX_PREFIX_PARTS = 6

_OLD_NAMES = (
    # torchvision renamed these layers after it published the weights
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_2\."), r"\1.3."),
)


def to_own_names(model: Classifier, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a file under the names and in the shapes of `model`.

    Names may be those of torchvision or of this program, with any prefix, such as `module.` of DataParallel, `model.`
    of Lightning or `module.encoder_q.` of MoCo. The prefix is the one with which most names match.

    Args:
        model: The network whose names are wanted.
        tensors: The tensors of the file by name.
    """
    prefix = _most_frequent_prefix(model, tensors)
    named: dict[str, Tensor] = {}
    for name, value in tensors.items():
        own = _own_name(name.removeprefix(prefix), model)
        # A file may hold a second copy, such as a moving average, under another prefix
        if own not in named or name.startswith(prefix):
            named[own] = _reshape(own, value, model)
    return named


def _most_frequent_prefix(model: Classifier, names: Iterable[str]) -> str:
    known = model.state_dict().keys()
    counter: Counter[str] = Counter()
    for name in names:
        parts = name.split(".")
        for number in range(min(len(parts), _MAX_PREFIX_PARTS + 1)):
            if _own_name(".".join(parts[number:]), model) in known:
                counter["".join(f"{part}." for part in parts[:number])] += 1
    return min(counter, key=lambda prefix: (-counter[prefix], len(prefix)), default="")


def _own_name(name: str, model: Classifier) -> str:
    """Return the name in a Classifier of a tensor of torchvision or of a model file, without a prefix."""
    if name.startswith((BACKBONE, HEAD)):
        return name
    old_head = f"{model.original_head_name}."
    if name.startswith(old_head):
        return f"{HEAD}{name.removeprefix(old_head)}"
    for pattern, replacement in _OLD_NAMES:
        name = pattern.sub(replacement, name)
    return f"{BACKBONE}{name}"


def _reshape(name: str, value: Tensor, model: Classifier) -> Tensor:
    if name == "head.weight" and value.ndim == 4:  # SqueezeNet's head is a 1 x 1 convolution in files
        return value.flatten(1)
    if name == _POSITIONS and is_vision_transformer(model.backbone):
        return interpolate_positions(value, model.backbone)
    return value
