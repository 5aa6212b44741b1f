"""Tests of engine.ml.models.build."""

import copy
import gc

import pytest
import torch
from torch import nn
from torchvision import models

from engine.config.backbones import BACKBONES
from engine.core.errors import EngineError
from engine.ml.models.build import Head, build_model, build_on_meta, set_trainable, train_mode
from engine.ml.training.optim import make_optimizer, parameter_groups
from tests.engine.ml.networks import SMALL, make_meta_model, min_image_side

HEAD_NAMES = {
    "mobilenet_v2": "classifier.1",
    "resnet18": "fc",
    "densenet121": "classifier",
    "vit_b_16": "heads.head",
    "swin_t": "head",
    "vgg11": "classifier.6",
    "squeezenet1_1": "classifier.1",
    "maxvit_t": "classifier.5",
    "convnext_tiny": "classifier.2",
    "mobilenet_v3_small": "classifier.3",
    "efficientnet_lite0": "fc",
    "se_resnet": "fc",
}


@pytest.mark.parametrize(("name", "head_name"), HEAD_NAMES.items())
def test_the_head_of_every_backbone_is_replaced(name, head_name):
    model = make_meta_model(name, num_classes=7)
    images = torch.empty(2, 3, BACKBONES[name].image_size, BACKBONES[name].image_size, device="meta")
    assert model.original_head_name == head_name
    assert model(images).shape == (2, 7)
    assert model.embed(images).shape == (2, model.head.in_features)


@pytest.mark.parametrize("name", SMALL)
def test_the_dropout_before_the_old_head_is_removed(name):
    network = make_meta_model(name)
    leaves = [module for module in network.modules() if next(module.children(), None) is None]
    assert isinstance(leaves[-1], Head)
    assert not any(isinstance(module, nn.Dropout) and module.p > 0 for module in leaves[-4:-1])


def test_dropout_deeper_in_the_backbone_is_unchanged():
    dropouts = [module for module in make_meta_model("vgg11").backbone.modules() if isinstance(module, nn.Dropout)]
    assert [module.p for module in dropouts] == [0.5]


def test_the_head_applies_dropout_in_training_only():
    head = Head(1000, 1, dropout=0.5)
    nn.init.ones_(head.weight)
    nn.init.zeros_(head.bias)
    embeddings = torch.ones(1, 1000)
    assert head.eval()(embeddings).item() == pytest.approx(1000)
    torch.manual_seed(0)
    kept = head.train()(embeddings).item() / 2  # dropout doubles the values that it keeps
    assert 400 < kept < 600


def test_squeezenet_gives_the_logits_of_its_convolution_without_the_relu():
    torch.manual_seed(0)
    theirs = models.squeezenet1_1(weights=None).eval()
    ours = build_model("squeezenet1_1", 1000, 64, 0.0).eval()
    ours.backbone.features.load_state_dict(theirs.features.state_dict())
    convolution = theirs.classifier[1]
    ours.head.load_state_dict({"weight": convolution.weight.flatten(1), "bias": convolution.bias})
    images = torch.randn(2, 3, 64, 64)
    expected = convolution(theirs.features(images)).mean((2, 3))
    assert (expected < 0).any()
    torch.testing.assert_close(ours(images), expected)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_from_tensorflow_transform_their_input(name):
    assert make_meta_model(name).backbone.transform_input


@pytest.mark.parametrize("name", SMALL)
def test_a_network_on_the_meta_device_has_all_layers_and_takes_no_memory(name):
    meta_state = build_on_meta(name, 5, BACKBONES[name].image_size, 0.1).state_dict()
    expected = make_meta_model(name).state_dict()
    assert {key: (value.shape, value.dtype) for key, value in meta_state.items()} == {
        key: (value.shape, value.dtype) for key, value in expected.items()
    }
    assert all(value.is_meta or value.numel() < 30_000 for value in meta_state.values())


def test_a_network_on_the_meta_device_has_the_tables_that_it_computes():
    meta_state = build_on_meta("swin_v2_t", 2, 64, 0.0).state_dict()
    network = models.swin_v2_t(weights=None).state_dict()
    tables = [name for name in network if name.endswith(("relative_position_index", "relative_coords_table"))]
    assert len(tables) == 24
    assert all(torch.equal(meta_state[f"backbone.{name}"], network[name]) for name in tables)


def test_an_unsupported_image_size_is_rejected():
    with pytest.raises(EngineError, match="multiple of 16"):
        build_model("vit_b_16", 2, 100, 0.0)
    with pytest.raises(EngineError, match="at least 75"):
        build_model("inception_v3", 2, 64, 0.0)


def test_an_unknown_backbone_is_rejected_with_similar_names():
    with pytest.raises(EngineError, match="resnet50"):
        build_model("resnet-50", 2, 64, 0.0)


def test_training_does_not_change_a_frozen_backbone():
    model = build_model("se_resnet", 3, 32, 0.1)
    before = copy.deepcopy(model.backbone.state_dict())
    set_trainable(model, head_only=True)
    train_mode(model, head_only=True)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    head_before = model.head.weight.detach().clone()
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in model.backbone.state_dict().items())
    assert not torch.equal(head_before, model.head.weight)


def test_a_frozen_backbone_can_be_unfrozen():
    model = build_model("se_resnet", 3, 32, 0.1)
    set_trainable(model, head_only=True)
    set_trainable(model, head_only=False)
    train_mode(model, head_only=False)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("name", ["mnasnet0_5", "vit_b_32"])
def test_a_state_dict_without_versions_loads(name):
    model = make_meta_model(name)
    plain = dict(model.state_dict())
    assert model.load_state_dict(plain).missing_keys == []


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_trains_on_a_batch_of_two_at_its_minimum_size(name):
    torch.manual_seed(0)
    side = min_image_side(name)
    model = build_model(name, 3, side, 0.1)
    train_mode(model, head_only=False)
    groups = parameter_groups(model, lr=0.01, weight_decay=0.01, layer_decay=0.7)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(map(id, model.parameters()))
    head_before = model.head.weight.detach().clone()
    loss = nn.functional.cross_entropy(model(torch.randn(2, 3, side, side)), torch.tensor([0, 1]))
    loss.backward()
    assert torch.isfinite(loss)
    make_optimizer("sgd", groups, lr=0.01, momentum=0.0).step()  # momentum would need the same amount of memory again
    assert not torch.equal(head_before, model.head.weight)
    assert torch.isfinite(model.head.weight).all()
    del model, groups, loss
    gc.collect()
