"""The included network as it was published: logits of the 1,000 classes of ImageNet from the last layer alone."""

import torch
from torch import Tensor, nn

from engine.config.backbones import INCLUDED_BACKBONE, find_backbone
from engine.config.local_weights import weights_path
from engine.ml.models.build import build_model
from engine.ml.models.efficientnet_lite import HEAD_CHANNELS, EfficientNetLite
from engine.ml.models.included_weights import load_included_weights, read_included_weights

NUM_CLASSES = 1000


class LastLayer(nn.Module):
    """Mean of the activations of the last layer."""

    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__()
        self.layers = nn.Sequential(network.stem, *network.stages, network.last.stage, network.last.conv)

    def forward(self, x: Tensor) -> Tensor:
        """Return shape (N, HEAD_CHANNELS) of images (N, 3, H, W)."""
        activations: Tensor = self.layers(x)
        return activations.mean((2, 3))


def load_last_layer() -> LastLayer:
    """Return the last layer of the network with the included weights."""
    backbone = find_backbone(INCLUDED_BACKBONE)
    model = build_model(INCLUDED_BACKBONE, NUM_CLASSES, backbone.image_size, 0.0)
    load_included_weights(model, weights_path(backbone))
    assert isinstance(model.backbone, EfficientNetLite)
    return LastLayer(model.backbone).eval()


def load_published_network() -> nn.Sequential:
    """Return the last layer and the head of the weights file."""
    head = nn.Linear(HEAD_CHANNELS, NUM_CLASSES)
    weight, bias = read_included_weights(weights_path(find_backbone(INCLUDED_BACKBONE)))[-2:]
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)
    return nn.Sequential(load_last_layer(), head).eval()
