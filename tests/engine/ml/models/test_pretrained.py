"""Tests of engine.ml.models.pretrained."""

import dataclasses
import hashlib
import urllib.request

import pytest
import torch

from engine.config.backbones import BACKBONES, INCLUDED_BACKBONE, Backbone, find_backbone
from engine.core.errors import EngineError
from engine.core.events import Progress, Warned
from engine.ml.models.build import build_model
from engine.ml.models.pretrained import load_pretrained
from tests.engine.ml.models.pretrained_files import (
    CLASSES,
    TINY,
    assert_same_backbone,
    load,
    load_state,
    torchvision_state,
)
from tests.engine.ml.models.weights_server import serve
from tests.engine.ml.networks import SMALL, flatten_all, make_meta_model, shared_file

OWN = ("se_resnet", INCLUDED_BACKBONE)
IMAGENET = [name for name in BACKBONES if name not in OWN]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Use a weights folder of the test and forbid downloads."""

    def refuse(*_, **__):
        raise AssertionError("A connection was opened.")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", ["mobilenet_v2", "squeezenet1_1"])
def test_real_half_precision_files_fill_the_whole_backbone(name):
    path = shared_file("weights", f"{name}.pth")
    model, events = load(path, name)
    state = torch.load(path, weights_only=True)
    own = model.backbone.state_dict()
    assert events == []
    assert all(value.dtype != torch.float16 for value in own.values())
    assert all(torch.equal(value, state[key].to(value.dtype)) for key, value in own.items())


def assert_everything_fits(name, tmp_path):
    model = make_meta_model(name, num_classes=1000)
    state = torchvision_state(name)
    unexpected_keys, missing_keys = load_state(model, state, tmp_path / "weights.pth")
    assert (unexpected_keys, missing_keys) == ([], [])


@pytest.mark.parametrize("name", [name for name in SMALL if name not in OWN])
def test_the_weights_of_each_family_match(name, tmp_path):
    assert_everything_fits(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGENET)
def test_the_weights_of_every_backbone_match(name, tmp_path):
    assert_everything_fits(name, tmp_path)


def test_auxiliary_heads_are_ignored_without_a_warning(tmp_path):
    state = torchvision_state("googlenet")
    assert any(name.startswith("aux1.") for name in state)
    assert load_state(make_meta_model("googlenet"), state, tmp_path) == ([], [])


def test_tensors_that_do_not_match_are_named_in_one_warning_and_the_rest_is_loaded(theirs, tmp_path):
    state = theirs.state_dict()
    state |= {"conv5.0.weight": torch.zeros(3, 3)} | {f"extra.{number}": torch.zeros(2) for number in range(9)}
    del state["conv5.1.weight"]
    torch.save(state, tmp_path / "weights.pth")
    model, events = load(tmp_path / "weights.pth")
    assert [type(event) for event in events] == [Warned]
    assert events[0].message == (
        "Tensors of the file that do not match and were ignored: "
        "10 (conv5.0.weight, extra.0, extra.1, extra.2, extra.3 and 5 more). "
        "Parameters that are not in the file and start random: 2 (conv5.0.weight and conv5.1.weight)."
    )
    assert events[0].path == str(tmp_path / "weights.pth")
    assert torch.equal(model.backbone.conv1[0].weight, theirs.conv1[0].weight)


def test_a_file_of_another_network_is_rejected_and_changes_nothing(theirs, tmp_path):
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    model = build_model("se_resnet", 5, 32, 0.1)
    before = flatten_all(model.state_dict().values()).clone()
    with pytest.raises(EngineError, match="Nothing in this file matches"):
        list(load_pretrained(model, find_backbone("se_resnet"), str(tmp_path / "weights.pth"), CLASSES))
    assert torch.equal(before, flatten_all(model.state_dict().values()))


def test_a_vit_file_for_another_network_is_rejected(tmp_path):
    with pytest.raises(EngineError, match="Nothing in this file matches"):
        load_state(make_meta_model("resnet18"), torchvision_state("vit_b_32"), tmp_path)


@pytest.mark.usefixtures("cache")
def test_no_pretrained_weights_loads_nothing():
    model = build_model(TINY, 5, 64, 0.1)
    before = flatten_all(model.parameters()).clone()
    assert list(load_pretrained(model, find_backbone(TINY), "none", CLASSES)) == []
    assert torch.equal(before, flatten_all(model.parameters()))


@pytest.mark.usefixtures("cache")
def test_the_error_for_missing_imagenet_weights_names_alternatives():
    model = build_model("se_resnet", 5, 32, 0.1)
    with pytest.raises(EngineError, match=r"no ImageNet weights for se_resnet.*mobilenet_v2"):
        list(load_pretrained(model, find_backbone("se_resnet"), "default", CLASSES))


def test_cached_weights_are_not_downloaded_again(cache, theirs):
    torch.save(theirs.state_dict(), cache / find_backbone(TINY).weights_file)
    model, events = load("default")
    assert events == []
    assert_same_backbone(model, theirs)


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_missing_weights_are_downloaded_once(tmp_path, monkeypatch, theirs):
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    content = (tmp_path / "theirs.pth").read_bytes()
    row = dataclasses.replace(find_backbone(TINY), weights_file=f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    model = build_model(TINY, 5, 64, 0.1)
    with serve({row.weights_file: content}) as host:
        monkeypatch.setattr(Backbone, "weights_url", property(lambda row: f"{host}/{row.weights_file}"))
        events = list(load_pretrained(model, row, "default", CLASSES))
    assert {type(event) for event in events} == {Progress}
    assert_same_backbone(model, theirs)
    assert list(load_pretrained(model, row, "default", CLASSES)) == []  # the server has stopped


def test_the_error_for_a_damaged_cached_file_names_its_path(cache):
    path = cache / find_backbone(TINY).weights_file
    path.write_bytes(b"half a file")
    with pytest.raises(EngineError) as caught:
        load("default")
    assert caught.value.path == path
