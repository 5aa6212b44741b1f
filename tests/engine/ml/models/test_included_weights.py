"""Tests of reading the weights that come with the program."""

import pytest
import torch

from engine.config.backbones import INCLUDED_BACKBONE, find_backbone
from engine.config.local_weights import is_on_this_machine, weights_path
from engine.core.errors import EngineError
from engine.ml.models import included_weights
from engine.ml.models.build import build_model
from engine.ml.models.pretrained import load_pretrained

ROW = find_backbone(INCLUDED_BACKBONE)


def test_the_included_weights_are_on_this_machine():
    assert is_on_this_machine(ROW)


def test_the_included_weights_are_loaded_without_a_download():
    model = build_model(INCLUDED_BACKBONE, 3, 32, 0.0)
    assert list(load_pretrained(model, ROW, "default", ("a", "b", "c"))) == []
    tensors = included_weights.read_included_weights(weights_path(ROW))
    for own, expected in zip(model.backbone.state_dict().values(), tensors[:-2], strict=True):
        assert torch.equal(own, expected)


def test_a_changed_file_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / ROW.weights_file
    content = bytearray(weights_path(ROW).read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(torch, "load", lambda *_args, **_options: pytest.fail("the pickle was read"))
    with pytest.raises(EngineError, match=r"was changed\. Install the program again"):
        included_weights.read_included_weights(path)


def test_a_missing_file_is_an_error_for_the_user(tmp_path):
    with pytest.raises(EngineError, match="could not be read"):
        included_weights.read_included_weights(tmp_path / "missing.pth")
