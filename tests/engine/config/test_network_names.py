"""Tests of the names of networks."""

import pytest

from engine.config.network_names import network_name


@pytest.mark.parametrize(
    ("backbone", "name"),
    [
        ("efficientnet_lite0", "EfficientNet-Lite0"),
        ("efficientnet_b0", "EfficientNet B0"),
        ("se_resnet", "SE-ResNet"),
        ("mobilenet_v3_small", "MobileNetV3 small"),
        ("resnext101_32x8d", "ResNeXt101-32x8d"),
        ("regnet_x_1_6gf", "RegNet X 1.6gf"),
        ("my_network", "my_network"),
    ],
)
def test_names_have_their_usual_spelling(backbone: str, name: str) -> None:
    assert network_name(backbone) == name
