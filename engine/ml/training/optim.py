"""Optimizers with parameter groups by depth, so that early layers can have a lower learning rate."""

from typing import Any

import torch

from engine.config.settings import OptimizerName
from engine.ml.models.blocks import Named, count_weight_layers, is_weight, iter_blocks
from engine.ml.models.build import Classifier
from engine.ml.training.options import OptimizerOptions

NUM_STAGES = 5
"""Number of stages that a deep enough backbone is divided into; the head is one more stage."""


def stages(model: Classifier) -> list[list[Named]]:
    """Return all parameters from stem to head: at most NUM_STAGES groups of blocks of similar depth, then the head.

    Depth counts weight layers, so that a normalisation layer belongs to the convolution before it. Works for every
    network whose modules are registered in execution order, as all in the catalogue are.
    """
    total = count_weight_layers(list(model.backbone.named_parameters()))
    backbone_stages: list[list[Named]] = [[] for _ in range(NUM_STAGES)]
    depth = 0
    for _, block in iter_blocks(model.backbone):
        depth += count_weight_layers(block)
        stage = backbone_stages[max(depth - 1, 0) * NUM_STAGES // total]
        stage += [(f"backbone.{name}", parameter) for name, parameter in block]
    head = [(f"head.{name}", parameter) for name, parameter in model.head.named_parameters()]
    return [*(stage for stage in backbone_stages if stage), head]


def parameter_groups(model: Classifier, lr: float, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return optimizer groups of the trainable parameters, from stem to head.

    A stage d stages below the head has lr * layer_decay^d (Howard and Ruder, ULMFiT, 2018, section 3.1). Weight decay
    applies to matrices and kernels only, not to norms, biases (He et al., Bag of Tricks, 2019, section 3.1), tokens,
    scales and position embeddings. Each group stores its peak learning rate as `initial_lr`.
    """
    groups: list[dict[str, Any]] = []
    all_stages = stages(model)
    for number, stage in enumerate(all_stages):
        stage_lr = lr * layer_decay ** (len(all_stages) - 1 - number)
        trainable = [(name, parameter) for name, parameter in stage if parameter.requires_grad]
        for is_decayed, decay in ((False, 0.0), (True, weight_decay)):
            parameters = [parameter for name, parameter in trainable if is_weight(name, parameter) == is_decayed]
            if parameters:
                groups.append({"params": parameters, "lr": stage_lr, "initial_lr": stage_lr, "weight_decay": decay})
    return groups


def make_optimizer(
    name: OptimizerName, groups: list[dict[str, Any]], lr: float, momentum: float
) -> torch.optim.Optimizer:
    """Return the optimizer `name` over the groups.

    adamw decouples weight decay from the gradient (Loshchilov and Hutter, 2019); adam adds the decay to the gradient.
    `momentum` is for sgd only.
    """
    match name:
        case "adamw":
            return torch.optim.AdamW(groups, lr=lr, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=lr, fused=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=lr, momentum=momentum, fused=True)


def make_run_optimizer(model: Classifier, options: OptimizerOptions, lr_scale: float = 1.0) -> torch.optim.Optimizer:
    """Return the optimizer of the trainable parameters of `model`; every learning rate is multiplied by `lr_scale`."""
    lr = options.lr * lr_scale
    groups = parameter_groups(model, lr, options.weight_decay, options.layer_decay)
    return make_optimizer(options.name, groups, lr, options.momentum)


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of each group to `factor` times its initial one."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
