"""Tests of splitting networks into blocks."""

import pytest
import torch
from torch import nn

from engine.ml.models.blocks import split_before_last_block
from engine.ml.models.build import build_model


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("se_resnet", "stages.3"),
        ("resnet18", "layer4.1"),
        ("mobilenet_v2", "features.18.0"),
        ("convnext_tiny", "features.7.2"),
        ("vit_b_32", "encoder.layers.encoder_layer_11"),
        ("swin_t", "features.7.1"),
        ("densenet121", ""),  # its last layer uses the outputs of all others, so it cannot be split
    ],
)
def test_prefix_and_suffix_together_compute_the_network(name: str, block: str) -> None:
    size = 224 if name == "vit_b_32" else 64
    backbone = build_model(name, 3, size, 0.0).eval().backbone
    cut = split_before_last_block(backbone)
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        assert torch.allclose(cut.suffix(cut.prefix(images)), backbone(images), atol=1e-5)
    assert cut.name == block


def test_prefix_and_suffix_share_their_parameters_with_the_network() -> None:
    backbone = build_model("resnet18", 3, 64, 0.0).backbone
    own = {id(parameter) for parameter in backbone.parameters()}
    suffix = list(split_before_last_block(backbone).suffix.parameters())
    assert suffix
    assert all(id(parameter) in own for parameter in suffix)


def test_a_network_of_one_block_is_not_split() -> None:
    assert split_before_last_block(nn.Sequential(nn.Flatten(), nn.Linear(12, 4))).name == ""
