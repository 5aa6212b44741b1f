"""Tests of the descriptions of the origin of weights."""

import tomllib
from pathlib import Path

import pytest

from engine.config.backbones import BACKBONES, INCLUDED_BACKBONE, NON_COMMERCIAL
from engine.config.weight_origin import describe_imagenet_weights, describe_weights


def test_the_origin_of_the_included_weights_names_licence_author_and_pinned_package() -> None:
    origin = describe_weights(INCLUDED_BACKBONE, "default")
    assert origin.startswith("EfficientNet-Lite0 (ImageNet weights by Google, Apache-2.0; ")
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]
    (pinned,) = (line for line in project["dependencies"] if line.startswith("efficientnet"))
    assert f"package {pinned.replace('==', ' ')} by ML Illustrated" in origin


@pytest.mark.parametrize("name", [name for name, row in BACKBONES.items() if row.weights_file])
def test_only_weights_under_a_non_commercial_licence_say_so(name: str) -> None:
    origin = describe_imagenet_weights(BACKBONES[name])
    assert ("not for commercial use" in origin) == (name in NON_COMMERCIAL)
    assert name == INCLUDED_BACKBONE or f"torchvision, {BACKBONES[name].weights_file}" in origin


def test_a_network_without_imagenet_weights_has_none() -> None:
    assert describe_imagenet_weights(BACKBONES["se_resnet"]) == "none"


@pytest.mark.parametrize(
    ("weights", "origin"),
    [
        ("none", "random weights"),
        ("auto", "unknown weights"),
        ("/home/me/secret/my.pth", "the file my.pth"),
        ("C:\\me\\my.pth", "the file my.pth"),
    ],
)
def test_of_a_file_only_the_name_is_told(weights: str, origin: str) -> None:
    assert describe_weights("se_resnet", weights) == origin
