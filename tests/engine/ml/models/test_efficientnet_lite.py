"""Tests of EfficientNet-Lite0 with the included weights."""

import numpy as np
import pytest
import torch

from engine.config.backbones import INCLUDED_BACKBONE, find_backbone
from engine.config.local_weights import weights_path
from engine.ml.models.build import build_model
from engine.ml.models.efficientnet_lite import HEAD_CHANNELS, NUM_FEATURES, ConvNorm, EfficientNetLite
from engine.ml.models.included_weights import load_included_weights, read_included_weights

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


def imagenet_classifier():
    """Return the network with the head of the weights file, which uses the last activations only."""
    path = weights_path(find_backbone(INCLUDED_BACKBONE))
    model = build_model(INCLUDED_BACKBONE, 1000, 224, 0.0)
    load_included_weights(model, path)
    weight, bias = read_included_weights(path)[-2:]
    with torch.no_grad():
        model.head.weight.zero_()[:, -HEAD_CHANNELS:] = weight
        model.head.bias.copy_(bias)
    return model.eval()


def test_the_logits_are_those_of_the_published_network():
    with torch.inference_mode():
        logits = imagenet_classifier()(images())
    for row, expected in zip(logits, LOGITS, strict=True):
        values, classes = row.topk(len(expected))
        assert classes.tolist() == list(expected)
        assert values.tolist() == pytest.approx(list(expected.values()), abs=2e-3)


def test_the_embedding_is_pooled_from_three_depths():
    network = EfficientNetLite()
    network.fc = torch.nn.Identity()
    with torch.inference_mode():
        assert network.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, NUM_FEATURES) == (2, 1712)


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
