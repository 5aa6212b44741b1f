"""Tests of EfficientNet-Lite0 with the included weights."""

import numpy as np
import pytest
import torch

from benchmarks.published_network import load_published_network
from engine.ml.models.blocks import split_before_last_block
from engine.ml.models.efficientnet_lite import NUM_FEATURES, ConvNorm, EfficientNetLite, describe

LOGITS = (
    # Logits of timm 1.0.31, tf_efficientnet_lite0 with the same file, for `images()`: the five largest of each image
    {418: 6.5069, 744: 6.1357, 644: 6.0736, 641: 5.4981, 696: 5.1881},
    {418: 7.7447, 885: 6.1897, 854: 6.0603, 782: 5.5171, 696: 5.1790},
    {418: 6.6009, 626: 5.3105, 604: 4.5103, 530: 4.4597, 650: 4.3893},
)


def images() -> torch.Tensor:
    """Return normalised images of waves in three directions, shape (3, 3, 224, 224)."""
    y, x = np.mgrid[0:224, 0:224] / 224
    waves = [np.sin(2 * np.pi * (k * x + (3 - k) * y + c / 3)) for k in (1, 2, 3) for c in range(3)]
    return torch.tensor(np.array(waves), dtype=torch.float32).view(3, 3, 224, 224)


def test_the_logits_are_those_of_the_published_network():
    with torch.inference_mode():
        logits = load_published_network()(images())
    for row, expected in zip(logits, LOGITS, strict=True):
        values, classes = row.topk(len(expected))
        assert classes.tolist() == list(expected)
        assert values.tolist() == pytest.approx(list(expected.values()), abs=2e-3)


def make_backbone():
    torch.manual_seed(0)
    network = EfficientNetLite().eval()
    network.fc = torch.nn.Identity()
    return network


def test_the_embedding_has_mean_and_standard_deviation_at_eight_depths():
    network = make_backbone()
    with torch.inference_mode():
        embedding = network(torch.rand(2, 3, 64, 64))
    widths = [channels for channels in (16, 24, 40, 80, 112, 192, 320, 1280) for _ in ("mean", "deviation")]
    assert embedding.shape == (2, NUM_FEATURES) == (2, sum(widths))
    norms = torch.stack([part.norm(dim=1) for part in embedding.split(widths, 1)])
    torch.testing.assert_close(norms, torch.tensor(widths).pow(0.25)[:, None].expand_as(norms))


def test_each_part_of_the_embedding_is_proportional_to_the_statistics_of_the_activations():
    activations = torch.randn(2, 5, 6, 7) * torch.tensor([1.0, 2.0, 0.1, 30.0, 3.0])[:, None, None] + 1.0
    mean, deviation = describe(activations).split(5, 1)
    directions = torch.nn.functional.normalize
    torch.testing.assert_close(directions(mean), directions(activations.mean((2, 3))))
    expected = directions(activations.std((2, 3), correction=0))
    torch.testing.assert_close(directions(deviation), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, 6.0])
def test_gradients_of_constant_activations_are_finite(value):
    activations = torch.full((1, 3, 4, 4), value, requires_grad=True)
    describe(activations)[0, 4].backward()
    assert activations.grad.isfinite().all()


def test_large_activations_in_half_precision_do_not_overflow():
    activations = torch.tensor([1.0, 60_000.0], dtype=torch.float16).expand(1, 2, 2, 2)
    assert describe(activations).isfinite().all()


@pytest.mark.parametrize("side", [32, 47, 64])
def test_the_network_can_be_split_before_its_last_block(side):
    network, image = make_backbone(), torch.rand(2, 3, side, side)
    split = split_before_last_block(network)
    assert split.name == "last"
    with torch.inference_mode():
        torch.testing.assert_close(split.suffix(split.prefix(image)), network(image))


@pytest.mark.parametrize(("kernel", "padding"), [(3, (0, 1, 0, 1)), (5, (1, 2, 1, 2))])
def test_strided_convolutions_pad_like_tensorflow(kernel, padding):
    block = ConvNorm(1, 1, kernel, stride=2)
    image = torch.rand(1, 1, 8, 8)
    padded = torch.nn.functional.pad(image, padding)
    assert torch.equal(block[1](block[0](image)), torch.nn.functional.conv2d(padded, block[1].weight, stride=2))


@pytest.mark.parametrize("side", [32, 33, 47, 64])
def test_images_of_every_allowed_size_are_accepted(side):
    with torch.inference_mode():
        assert EfficientNetLite(4).eval()(torch.zeros(1, 3, side, side)).shape == (1, 4)
