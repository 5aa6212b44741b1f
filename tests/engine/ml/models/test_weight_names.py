"""Tests of names and shapes of tensors in files of other programs."""

import re

import pytest
import torch
from torchvision import models
from torchvision.models.vision_transformer import interpolate_embeddings

from tests.engine.ml.models.pretrained_files import assert_same_backbone, load, load_state, torchvision_state
from tests.engine.ml.networks import make_meta_model

PREFIXES = (
    "module.",
    "model.",
    "_orig_mod.",
    "module._orig_mod.",
    "net.",
    "backbone.",
    "encoder.",
    "module.encoder_q.",
    "a.b.c.",
)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix_of_the_names_is_removed(theirs, tmp_path, prefix):
    torch.save({f"{prefix}{key}": value for key, value in theirs.state_dict().items()}, tmp_path / "weights.pth")
    model, events = load(tmp_path / "weights.pth")
    assert events == []
    assert_same_backbone(model, theirs)


def test_the_copy_of_the_weights_with_the_shortest_prefix_is_loaded(theirs, tmp_path):
    state = {f"model.{key}": value for key, value in theirs.state_dict().items()}
    state |= {f"ema_model.{key}": torch.zeros_like(value) for key, value in theirs.state_dict().items()}
    torch.save(state, tmp_path / "weights.pth")
    model, (event,) = load(tmp_path / "weights.pth")
    assert "(ema_model." in event.message
    assert_same_backbone(model, theirs)


def test_densenet_files_with_the_old_names_match(tmp_path):
    theirs = models.densenet121(weights=None)
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", k): v for k, v in theirs.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "densenet.pth")
    model, events = load(tmp_path / "densenet.pth", "densenet121")
    assert events == []
    assert_same_backbone(model, theirs)


def test_vit_files_with_the_old_names_match(tmp_path):
    model = make_meta_model("vit_b_32")
    state = torchvision_state("vit_b_32")
    old = {key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): v for key, v in state.items()}
    assert old.keys() != state.keys()
    assert load_state(model, old, tmp_path) == ([], [])


def test_positions_of_a_vit_are_interpolated_to_the_image_size(tmp_path):
    theirs = models.vit_b_32(weights=None, image_size=64)
    torch.save(theirs.half().state_dict(), tmp_path / "vit.pth")
    model, events = load(tmp_path / "vit.pth", "vit_b_32", image_size=128)
    expected = interpolate_embeddings(128, 32, dict(theirs.float().state_dict()))["encoder.pos_embedding"]
    assert events == []
    assert model.backbone.encoder.pos_embedding.shape == (1, 17, 768)
    assert torch.equal(model.backbone.encoder.pos_embedding, expected)


def test_positions_without_a_square_grid_are_ignored(tmp_path):
    model = make_meta_model("vit_b_32")
    state = torchvision_state("vit_b_32") | {"encoder.pos_embedding": torch.zeros(1, 12, 768)}
    unexpected_keys, missing_keys = load_state(model, state, tmp_path)
    assert unexpected_keys == missing_keys == ["backbone.encoder.pos_embedding"]
