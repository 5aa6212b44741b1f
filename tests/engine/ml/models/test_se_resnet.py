"""Tests of engine.ml.models.se_resnet."""

import pytest
import torch
from torch import nn

from engine.ml.models.se_resnet import WIDTHS, SEBlock, SEResNet, SqueezeExcitation


def test_squeeze_and_excitation_computes_its_formula():
    torch.manual_seed(0)
    module = SqueezeExcitation(16, reduction=4)
    x = torch.randn(2, 16, 5, 7)
    squeezed = x.mean((2, 3))
    hidden = torch.clamp(squeezed @ module.squeeze.weight.T + module.squeeze.bias, min=0)
    scale = 1 / (1 + torch.exp(-(hidden @ module.excite.weight.T + module.excite.bias)))
    torch.testing.assert_close(module(x), x * scale.view(2, 16, 1, 1))


def test_squeeze_and_excitation_weights_channels_by_the_whole_image():
    torch.manual_seed(0)
    module = SqueezeExcitation(16)
    x = torch.rand(1, 16, 4, 4)
    other = x.clone()
    other[:, :, 0, 0] += 10
    ratio = module(x) / x
    assert torch.allclose(ratio, ratio.mean((2, 3), keepdim=True))
    assert not torch.allclose((module(other) / other)[..., 3, 3], ratio[..., 3, 3])


@pytest.mark.parametrize(("channels", "stride", "side"), [(8, 1, 6), (16, 1, 6), (16, 2, 3)])
def test_a_block_adds_its_residual_to_a_shortcut_of_the_same_shape(channels, stride, side):
    block = SEBlock(8, channels, stride).eval()
    x = torch.rand(2, 8, 6, 6)
    assert isinstance(block.shortcut, nn.Identity) == (channels == 8)
    assert block(x).shape == (2, channels, side, side)
    torch.testing.assert_close(block(x), torch.relu(block.residual(x) + block.shortcut(x)))


@pytest.mark.parametrize("size", [16, 32, 45, 96])
def test_the_network_accepts_images_of_any_size(size):
    assert SEResNet(7).eval()(torch.rand(1, 3, size, size)).shape == (1, 7)


def test_each_stage_after_the_first_halves_the_map():
    model = SEResNet().eval()
    x = model.stem(torch.rand(1, 3, 64, 64))
    sizes = []
    for stage in model.stages:
        x = stage(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes == [(width, 32 >> number, 32 >> number) for number, width in enumerate(WIDTHS)]


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    model = SEResNet(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    images, labels = torch.rand(4, 3, 32, 32), torch.tensor([0, 1, 2, 0])
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert not any(torch.equal(old, new) for old, new in zip(before, model.parameters()))


def test_the_network_can_overfit_a_few_images():
    torch.manual_seed(0)
    model = SEResNet(4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    images, labels = torch.rand(8, 3, 32, 32), torch.arange(8) % 4
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
