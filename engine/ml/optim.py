"""Optimizers over parameters grouped by depth, so that early layers can learn more slowly."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import torch
from torch import nn

from engine.config import OptimizerName
from engine.ml.models import Classifier

Named: TypeAlias = tuple[str, nn.Parameter]

NUM_STAGES = 5
"""Into how many stages a backbone is cut, where it is that deep; the head is one more."""

_LARGEST_SHARE = 1 / 3
"""A module that is no mere container stays whole up to this share of the depth: a block does, a whole encoder not."""


def stages(model: Classifier) -> list[list[Named]]:
    """Return all parameters from stem to head: at most NUM_STAGES runs of blocks of about equal depth, then the head.

    Depth counts layers of weights, so that a norm stays with the convolution before it. Works for every network whose
    modules are registered in the order they run in, as all of the catalog's are.
    """
    num_layers = _num_layers(list(model.backbone.named_parameters()))
    cut: list[list[Named]] = [[] for _ in range(NUM_STAGES)]
    depth = 0
    for block in _blocks(model.backbone, "backbone", num_layers * _LARGEST_SHARE):
        depth += _num_layers(block)
        cut[max(depth - 1, 0) * NUM_STAGES // num_layers] += block
    head = [(f"head.{name}", parameter) for name, parameter in model.head.named_parameters()]
    return [*(stage for stage in cut if stage), head]


def parameter_groups(model: Classifier, lr: float, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return optimizer groups of the parameters that learn, those of the head last; each keeps its `initial_lr`.

    A stage d stages below the head has lr * layer_decay^d (Howard and Ruder, ULMFiT, 2018, section 3.1). Only matrices
    and kernels have weight decay; norms, biases (He et al., Bag of Tricks, 2019, section 3.1), tokens, scales and
    tables of positions have none.
    """
    groups: list[dict[str, Any]] = []
    all_stages = stages(model)
    for number, stage in enumerate(all_stages):
        rate = lr * layer_decay ** (len(all_stages) - 1 - number)
        learning = [(name, parameter) for name, parameter in stage if parameter.requires_grad]
        for is_decayed, decay in ((False, 0.0), (True, weight_decay)):
            parameters = [parameter for name, parameter in learning if _is_decayed(name, parameter) == is_decayed]
            if parameters:
                groups.append({"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": decay})
    return groups


def make_optimizer(
    name: OptimizerName, groups: list[dict[str, Any]], lr: float, momentum: float
) -> torch.optim.Optimizer:
    """Return the optimizer `name` over the groups.

    adamw decays weights apart from the gradient (Loshchilov and Hutter, 2019), adam adds the decay to it. `momentum` is
    for sgd, where 0 makes it plain.
    """
    match name:
        case "adamw":
            return torch.optim.AdamW(groups, lr=lr)
        case "adam":
            return torch.optim.Adam(groups, lr=lr)
        case "sgd":
            return torch.optim.SGD(groups, lr=lr, momentum=momentum)


def set_rate(optimizer: torch.optim.Optimizer, multiplier: float) -> None:
    """Set the learning rate of each group to `multiplier` times its initial one."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * multiplier


def _blocks(module: nn.Module, name: str, most_layers: float) -> Iterator[list[Named]]:
    """Yield the parameters of `module` block by block, in the order of registration, its own ones first."""
    parameters = [(f"{name}.{key}", parameter) for key, parameter in module.named_parameters()]
    children = list(module.named_children())
    is_container = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
    if not parameters:
        return
    if not children or not (is_container or _num_layers(parameters) > most_layers):
        yield parameters
        return
    own = [(f"{name}.{key}", parameter) for key, parameter in module.named_parameters(recurse=False)]
    if own:
        yield own
    for key, child in children:
        yield from _blocks(child, f"{name}.{key}", most_layers)


def _num_layers(parameters: list[Named]) -> int:
    return sum(_is_decayed(name, parameter) for name, parameter in parameters)


def _is_decayed(name: str, parameter: nn.Parameter) -> bool:
    # Tokens, scales and tables can have many dimensions, but are not called a weight
    return name.endswith("weight") and parameter.ndim > 1
