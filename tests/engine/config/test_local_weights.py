"""Tests of the files of pretrained weights on this machine."""

import pytest

from engine.config import local_weights
from engine.config.backbones import INCLUDED_BACKBONE, find_backbone
from engine.config.local_weights import is_on_this_machine
from engine.config.presets import DatasetFacts, resolve
from engine.config.settings import RunConfig


def test_without_the_package_of_the_included_network_training_starts_from_scratch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_weights, "_PACKAGE", "a_package_that_is_not_installed")
    assert not is_on_this_machine(find_backbone(INCLUDED_BACKBONE))
    model = resolve(RunConfig(), DatasetFacts(100)).model
    assert (model.backbone, model.weights) == ("se_resnet", "none")


def test_a_backbone_without_weights_has_none_on_this_machine() -> None:
    assert not is_on_this_machine(find_backbone("se_resnet"))
