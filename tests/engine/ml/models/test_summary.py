"""Tests of engine.ml.models.summary."""

import pytest
import torch
from torch import nn

from engine.config.backbones import BACKBONES
from engine.core.errors import EngineError
from engine.ml.models.summary import summarize, window_output
from tests.engine.ml.networks import SMALL, make_meta_model

COUNTED_OTHERWISE = {"squeezenet1_0", "squeezenet1_1"}
"""Backbones whose head runs on pooled features here, but on every position of the feature map in torchvision."""


def assert_it_adds_up(name):
    row = BACKBONES[name]
    summary = summarize(name, 1000, row.image_size)
    assert summary.num_parameters == sum(layer.num_parameters for layer in summary.layers)
    assert summary.multiply_adds == sum(layer.multiply_adds for layer in summary.layers)
    assert len({layer.name for layer in summary.layers}) == len(summary.layers)
    assert summary.layers[-1].name == "head"
    assert summary.layers[-1].output == (1000,)
    if name not in COUNTED_OTHERWISE:
        assert summary.multiply_adds == pytest.approx(row.multiply_adds * 1e6, rel=0.01, abs=0.6e6)


@pytest.mark.parametrize("name", SMALL)
def test_layers_add_up_to_the_totals_of_the_catalog(name):
    assert_it_adds_up(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_layers_of_every_backbone_add_up(name):
    assert_it_adds_up(name)


@pytest.mark.parametrize("name", SMALL)
def test_the_formula_gives_the_output_size_of_every_convolution_and_pooling(name):
    model = make_meta_model(name)
    seen = []

    def compare(module, inputs, output):
        seen.append((window_output(module, *inputs[0].shape[2:]), tuple(output.shape[2:])))

    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            module.register_forward_hook(compare)
    size = BACKBONES[name].image_size
    model(torch.empty(2, 3, size, size, device="meta"))
    assert seen
    assert all(formula == real for formula, real in seen)


def test_the_cost_of_a_convolution_is_that_computed_by_hand():
    stem = summarize("se_resnet", 10, 96).layers[0]
    assert (stem.name, stem.kind, stem.output) == ("stem.0", "Conv2d", (32, 48, 48))
    assert stem.num_parameters == 3 * 32 * 3 * 3
    assert stem.multiply_adds == 3 * 32 * 3 * 3 * 48 * 48


def test_attention_is_counted():
    layers = {layer.name: layer for layer in summarize("vit_b_16", 10, 224).layers}
    attention = layers["encoder.layers.encoder_layer_0.self_attention"]
    num_tokens, width = 197, 768
    assert attention.num_parameters == 4 * width * (width + 1)
    assert attention.multiply_adds == 4 * num_tokens * width**2 + 2 * num_tokens**2 * width


def test_a_larger_image_costs_more_and_changes_no_parameter():
    small, large = summarize("resnet18", 10, 64), summarize("resnet18", 10, 128)
    assert small.num_parameters == large.num_parameters
    assert large.multiply_adds == pytest.approx(4 * small.multiply_adds, rel=0.01)


def test_an_unknown_network_or_image_size_is_rejected():
    with pytest.raises(EngineError):
        summarize("vit_b_16", 10, 100)
    with pytest.raises(EngineError):
        summarize("no_such_network", 10, 100)
