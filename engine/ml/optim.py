"""Optimizers over parameters grouped by depth, so that early layers can learn more slowly."""

from typing import Any, TypeAlias

import torch
from torch import nn

from engine.config import OptimizerName
from engine.ml.models import Classifier

Named: TypeAlias = tuple[str, nn.Parameter]

NUM_STAGES = 5
"""Into how many stages a backbone is cut; the head is one more."""

_LARGEST_SHARE = 0.08
"""A module with a larger share of the backbone's parameters is taken apart further, where it has parts."""

_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)
_UNDECAYED_NAMES = {
    "bias",
    "class_token",
    "pos_embedding",
    "relative_position_bias_table",
    "logit_scale",
    "layer_scale",
}


def stages(model: Classifier) -> list[list[Named]]:
    """Return all parameters from stem to head, as at most NUM_STAGES consecutive stages and the head.

    Works for any network whose modules are registered in the order they run in, as all of torchvision's are: the
    backbone is taken apart into blocks until each is a small share of it, and the blocks are dealt out evenly.
    """
    total = sum(parameter.numel() for parameter in model.backbone.parameters())
    blocks = _blocks(model.backbone, "backbone", total * _LARGEST_SHARE)
    num_stages = min(NUM_STAGES, len(blocks))
    cut: list[list[Named]] = [[] for _ in range(num_stages)]
    for position, block in enumerate(blocks):
        cut[position * num_stages // len(blocks)] += block
    head = [(f"head.{name}", parameter) for name, parameter in model.head.named_parameters()]
    return [*cut, head]


def parameter_groups(model: Classifier, lr: float, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return optimizer groups of the parameters that learn: lr * layer_decay^d for a stage d stages below the head.

    Norms, biases, tokens and tables of positions have no weight decay. Each group keeps its `initial_lr`.
    """
    norms = {id(p) for module in model.modules() if isinstance(module, _NORMS) for p in module.parameters(recurse=False)}
    groups: list[dict[str, Any]] = []
    all_stages = stages(model)
    for number, stage in enumerate(all_stages):
        rate = lr * layer_decay ** (len(all_stages) - 1 - number)
        learning = [(name, parameter) for name, parameter in stage if parameter.requires_grad]
        spared = [p for name, p in learning if id(p) in norms or name.rpartition(".")[2] in _UNDECAYED_NAMES]
        spared_ids = {id(parameter) for parameter in spared}
        decayed = [parameter for _, parameter in learning if id(parameter) not in spared_ids]
        for parameters, decay in ((decayed, weight_decay), (spared, 0.0)):
            if parameters:
                groups.append({"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": decay})
    return groups


def make_optimizer(
    name: OptimizerName, groups: list[dict[str, Any]], lr: float, momentum: float
) -> torch.optim.Optimizer:
    """Return the optimizer `name` over the groups; `momentum` is for SGD, where 0 makes it plain."""
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


def _blocks(module: nn.Module, name: str, largest: float) -> list[list[Named]]:
    """Take `module` apart, in the order of registration, into blocks of at most `largest` parameters where it can be."""
    parameters = [(f"{name}.{key}", parameter) for key, parameter in module.named_parameters()]
    if not parameters:
        return []
    children = list(module.named_children())
    if not children or sum(parameter.numel() for _, parameter in parameters) <= largest:
        return [parameters]
    own = [(f"{name}.{key}", parameter) for key, parameter in module.named_parameters(recurse=False)]
    parts = [block for key, child in children for block in _blocks(child, f"{name}.{key}", largest)]
    return [own, *parts] if own else parts
