"""Tests of stages, parameter groups and optimizers."""

import pytest
import torch
from torch import nn

from engine.config.backbones import BACKBONES
from engine.ml.models.build import Classifier, Head, build_model, set_trainable
from engine.ml.training.optim import NUM_STAGES, make_optimizer, make_run_optimizer, parameter_groups, set_lr, stages
from engine.ml.training.options import OptimizerOptions
from tests.engine.ml.networks import SMALL, make_meta_model


@pytest.fixture(scope="module")
def networks():
    return {name: make_meta_model(name) for name in SMALL}


def tiny():
    return build_model("se_resnet", 3, 32, 0.1)


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_is_in_exactly_one_stage(networks, name):
    named = [pair for stage in stages(networks[name]) for pair in stage]
    assert sorted(key for key, _ in named) == sorted(key for key, _ in networks[name].named_parameters())
    assert all(parameter is networks[name].get_parameter(key) for key, parameter in named)


@pytest.mark.parametrize("name", SMALL)
def test_every_backbone_has_five_stages_and_then_the_head(networks, name):
    all_stages = stages(networks[name])
    assert len(all_stages) == NUM_STAGES + 1
    assert [key for key, _ in all_stages[-1]] == ["head.weight", "head.bias"]


@pytest.mark.parametrize("name", SMALL)
def test_stages_are_in_execution_order(networks, name):
    model = networks[name]
    stage_of = {id(parameter): number for number, stage in enumerate(stages(model)) for _, parameter in stage}
    order: list[int] = []

    def record(module, _inputs):
        order.extend(stage_of[id(parameter)] for parameter in module.parameters(recurse=False))

    leaves = [module for module in model.modules() if next(module.children(), None) is None]
    hooks = [module.register_forward_pre_hook(record) for module in leaves]
    size = BACKBONES[name].image_size
    model(torch.empty(2, 3, size, size, device="meta"))
    for hook in hooks:
        hook.remove()
    assert set(order) == set(range(NUM_STAGES + 1))
    assert order == sorted(order)


@pytest.mark.parametrize("name", SMALL)
def test_a_block_is_never_divided_between_stages(networks, name):
    stage_of = {key: number for number, stage in enumerate(stages(networks[name])) for key, _ in stage}
    for path, module in networks[name].named_modules():
        if hasattr(module, "downsample") or type(module).__name__ in ("InvertedResidual", "EncoderBlock", "SEBlock"):
            assert len({stage_of[f"{path}.{key}"] for key, _ in module.named_parameters()}) == 1


@pytest.mark.parametrize("name", SMALL)
def test_weight_decay_applies_to_kernels_and_matrices_only(networks, name):
    model = networks[name]
    groups = parameter_groups(model, 1e-3, 0.05, 0.7)
    decayed = {id(parameter) for group in groups if group["weight_decay"] for parameter in group["params"]}
    multiplied = (nn.Linear, nn.Conv2d)
    kernels = {id(module.weight) for module in model.modules() if isinstance(module, multiplied)}
    kernels |= {id(m.in_proj_weight) for m in model.modules() if isinstance(m, nn.MultiheadAttention)}
    assert decayed == kernels


def test_the_learning_rate_is_multiplied_by_the_layer_decay_at_each_stage_below_the_head():
    model = tiny()
    groups = parameter_groups(model, 0.1, 0.0, 0.5)
    rate_of = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    rates = [{rate_of[id(parameter)] for _, parameter in stage} for stage in stages(model)]
    assert rates == [{0.1 * 0.5**distance} for distance in (5, 4, 3, 2, 1, 0)]
    assert groups[-1]["lr"] == 0.1


def test_frozen_parameters_are_in_no_group_and_no_group_is_empty():
    model = tiny()
    set_trainable(model, head_only=True)
    groups = parameter_groups(model, 0.1, 0.05, 0.5)
    assert [[tuple(parameter.shape) for parameter in group["params"]] for group in groups] == [[(3,)], [(3, 256)]]
    assert all(group["params"] for group in parameter_groups(make_meta_model("vgg11"), 0.1, 0.05, 0.5))


def test_a_network_outside_the_catalogue_is_divided_into_stages_too():
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    all_stages = stages(Classifier(backbone, Head(4, 2, 0.0), "fc"))
    assert [[key for key, _ in stage] for stage in all_stages] == [
        ["backbone.0.weight", "backbone.0.bias", "backbone.1.weight", "backbone.1.bias"],
        ["head.weight", "head.bias"],
    ]


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_every_optimizer_keeps_learning_rate_and_weight_decay_of_its_groups(name):
    groups = parameter_groups(tiny(), 0.1, 0.05, 0.5)
    expected = [(group["lr"], group["weight_decay"]) for group in groups]
    optimizer = make_optimizer(name, groups, 0.1, 0.9)
    assert type(optimizer).__name__.lower() == name
    assert [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == expected


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_every_optimizer_updates_all_parameters_in_one_fused_kernel(name):
    assert make_optimizer(name, parameter_groups(tiny(), 0.1, 0.05, 0.5), 0.1, 0.9).defaults["fused"] is True


def test_sgd_without_momentum_subtracts_the_gradient():
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = make_optimizer("sgd", [{"params": [weight], "weight_decay": 0.0}], 0.1, 0.0)
    for _ in range(2):
        weight.grad = torch.tensor([2.0])
        optimizer.step()
    assert weight.item() == pytest.approx(1 - 2 * 0.1 * 2)


def test_adamw_decouples_weight_decay_from_the_gradient_and_adam_does_not():
    steps = {}
    for name in ("adamw", "adam"):
        weight = nn.Parameter(torch.tensor([1.0]))
        optimizer = make_optimizer(name, [{"params": [weight], "weight_decay": 0.5}], 0.1, 0.0)
        weight.grad = torch.tensor([0.0])
        optimizer.step()
        steps[name] = 1 - weight.item()
    assert steps["adamw"] == pytest.approx(0.1 * 0.5)
    assert steps["adam"] == pytest.approx(0.1, rel=1e-3)  # Adam normalises any gradient to 1


def test_setting_the_learning_rate_scales_the_initial_one_of_each_group():
    optimizer = make_optimizer("adamw", parameter_groups(tiny(), 0.1, 0.05, 0.5), 0.1, 0.9)
    initial = [group["lr"] for group in optimizer.param_groups]
    set_lr(optimizer, 0.3)
    set_lr(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.5 * rate for rate in initial])


def test_the_optimizer_of_a_run_has_the_options_of_the_run_with_a_scaled_learning_rate():
    options = OptimizerOptions("sgd", lr=0.1, weight_decay=0.05, momentum=0.8, layer_decay=0.5)
    optimizer = make_run_optimizer(tiny(), options, lr_scale=0.3)
    assert optimizer.param_groups[-1]["lr"] == pytest.approx(0.03)
    assert optimizer.param_groups[-1]["weight_decay"] == 0.05
    assert optimizer.defaults["momentum"] == 0.8
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.03 * 0.5**NUM_STAGES)
