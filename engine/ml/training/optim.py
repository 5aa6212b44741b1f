"""Optimizers over parameters grouped by depth, so that early layers can learn more slowly."""

from typing import Any

import torch

from engine.config.settings import OptimizerName
from engine.ml.models.blocks import Named, count_weight_layers, is_weight, iter_blocks
from engine.ml.models.build import Classifier

NUM_STAGES = 5
"""Into how many stages a backbone is cut, where it is that deep; the head is one more."""


def stages(model: Classifier) -> list[list[Named]]:
    """Return all parameters from stem to head: at most NUM_STAGES runs of blocks of about equal depth, then the head.

    Depth counts layers of weights, so that a norm stays with the convolution before it. Works for every network whose
    modules are registered in the order they run in, as all of the catalog's are.
    """
    total = count_weight_layers(list(model.backbone.named_parameters()))
    cut: list[list[Named]] = [[] for _ in range(NUM_STAGES)]
    depth = 0
    for _, block in iter_blocks(model.backbone):
        depth += count_weight_layers(block)
        cut[max(depth - 1, 0) * NUM_STAGES // total] += [(f"backbone.{name}", parameter) for name, parameter in block]
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
            parameters = [parameter for name, parameter in learning if is_weight(name, parameter) == is_decayed]
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
            return torch.optim.AdamW(groups, lr=lr, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=lr, fused=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=lr, momentum=momentum, fused=True)


def set_lr(optimizer: torch.optim.Optimizer, multiplier: float) -> None:
    """Set the learning rate of each group to `multiplier` times its initial one."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * multiplier
