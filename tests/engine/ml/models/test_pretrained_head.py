"""Tests of pretrained heads, whose rows are matched by class name."""

import pytest
import torch
from torchvision import models

from engine.core.errors import EngineError
from engine.ml.models.build import build_model
from engine.ml.models.model_file import make_metadata, save_model
from engine.ml.models.preprocessing import Preprocessing
from tests.engine.ml.models.pretrained_files import CLASSES, TINY, assert_same_backbone, load
from tests.engine.ml.networks import flatten_all
from tests.scratch_config import scratch_config


@pytest.fixture
def own(tmp_path):
    """Return a model of this program for CLASSES, and its file."""
    torch.manual_seed(7)
    model = build_model("se_resnet", 5, 32, 0.1)
    config = scratch_config().changed("model", backbone="se_resnet")
    preprocessing = Preprocessing(32, "crop", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    metadata = make_metadata(config, CLASSES, preprocessing, torch.float32, None, None)
    save_model(tmp_path / "model.safetensors", model, metadata, torch.ones(3, 512).half())
    return model, tmp_path / "model.safetensors"


def test_squeezenets_convolution_becomes_the_head_of_the_classes_that_the_file_names(tmp_path):
    theirs = models.squeezenet1_1(weights=None, num_classes=5)
    torch.save({"state_dict": theirs.state_dict(), "classes": list(CLASSES)}, tmp_path / "weights.pth")
    model, _ = load(tmp_path / "weights.pth", "squeezenet1_1")
    assert torch.equal(model.head.weight, theirs.classifier[1].weight.flatten(1))


def assert_only_the_backbone_is_loaded(theirs, path):
    torch.save(theirs.state_dict(), path)
    torch.manual_seed(0)
    initial = build_model(TINY, 5, 64, 0.1).head.weight.clone()
    torch.manual_seed(0)
    model, events = load(path)
    assert events == []
    assert torch.equal(initial, model.head.weight)
    assert_same_backbone(model, theirs)


def test_a_head_for_other_classes_is_ignored_without_a_warning(theirs, tmp_path):
    assert_only_the_backbone_is_loaded(theirs, tmp_path / "weights.pth")


def test_a_head_is_never_taken_over_by_number(tmp_path):
    assert_only_the_backbone_is_loaded(models.get_model(TINY, weights=None, num_classes=5), tmp_path / "weights.pth")


@pytest.mark.parametrize(
    "names",
    [
        {"classes": list(CLASSES)},
        {"class_names": CLASSES},
        {"class_to_idx": {name: number for number, name in enumerate(CLASSES)}},
        {"names": dict(enumerate(CLASSES))},
        {"id2label": {str(number): name for number, name in enumerate(CLASSES)}},
        {"state_dict": {"classes": list(CLASSES)}},
    ],
)
def test_a_head_of_another_program_is_loaded_by_the_class_names_in_the_file(tmp_path, names):
    theirs = models.get_model(TINY, weights=None, num_classes=5)
    inner = dict(theirs.state_dict()) | names.pop("state_dict", {})
    torch.save({"state_dict": inner, **names}, tmp_path / "weights.pth")
    model, events = load(tmp_path / "weights.pth", classes=("emu", "Bee"))
    assert events == []
    assert torch.equal(model.head.weight, theirs.fc.weight[[4, 1]])
    assert torch.equal(model.head.bias, theirs.fc.bias[[4, 1]])


@pytest.mark.parametrize("names", [["a", "b"], [*"abcdd"], {"a": 7}, [1, 2, 3, 4, 5], "abcde", None, {"a": 10**12}])
def test_class_names_that_do_not_fit_the_head_are_ignored(tmp_path, names):
    theirs = models.get_model(TINY, weights=None, num_classes=5)
    torch.save({"state_dict": theirs.state_dict(), "classes": names}, tmp_path / "weights.pth")
    torch.manual_seed(0)
    initial = build_model(TINY, 5, 64, 0.1).head.weight.clone()
    torch.manual_seed(0)
    model, _ = load(tmp_path / "weights.pth", classes=("a", "b", "c", "d", "e"))
    assert torch.equal(initial, model.head.weight)


@pytest.mark.parametrize(
    ("classes", "known", "sentence"),
    [
        (("emu", "dog", "cat", "bee", "ant"), {0: 4, 1: 3, 2: 2, 3: 1, 4: 0}, None),
        (("bee", "dog"), {0: 1, 1: 3}, None),
        (("BEE", "dog "), {0: 1, 1: 3}, None),
        (("aardvark", *CLASSES), {1: 0, 2: 1, 3: 2, 4: 3, 5: 4}, "5 of 6 classes from this file. New: aardvark."),
        (("ape", "bat", "cow", "doe", "elk"), {}, None),
        (("ape", "bee", "cow"), {1: 1}, "1 of 3 classes from this file. New: ape and cow."),
    ],
)
def test_rows_of_the_head_follow_their_class_names(own, classes, known, sentence):
    saved, path = own
    torch.manual_seed(0)
    initial = build_model("se_resnet", len(classes), 32, 0.1).head
    torch.manual_seed(0)
    model, events = load(path, "se_resnet", classes)
    for row in range(len(classes)):
        expected = saved.head.weight[known[row]] if row in known else initial.weight[row]
        assert torch.equal(model.head.weight[row], expected)
        assert model.head.bias[row] == (saved.head.bias[known[row]] if row in known else initial.bias[row])
    assert [event.message.partition("with ")[2] for event in events] == ([sentence] if sentence else [])


def test_a_model_of_this_program_fills_the_whole_network(own):
    saved, path = own
    model, events = load(path, "se_resnet")
    assert events == []
    assert torch.equal(flatten_all(model.parameters()), flatten_all(saved.parameters()))


def test_a_model_of_another_backbone_is_rejected_by_its_name(own):
    with pytest.raises(EngineError, match="has the backbone se_resnet"):
        load(own[1])
