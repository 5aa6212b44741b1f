"""Tests of engine.ml.models.pretrained."""

import dataclasses
import hashlib
import re
import urllib.request

import pytest
import torch
from torchvision import models
from torchvision.models.vision_transformer import interpolate_embeddings

from engine.config.backbones import BACKBONES, Backbone, find_backbone
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.events import Progress, Warned
from engine.ml.models.build import build_model
from engine.ml.models.model_file import make_metadata, save_model
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.models.pretrained import load_matching, load_pretrained
from engine.ml.models.weight_names import to_own_names
from tests.engine.ml.models.weights_server import serve
from tests.engine.ml.networks import SMALL, flatten_all, make_meta_model, shared_file

IMAGENET = [name for name in BACKBONES if name != "se_resnet"]
TINY = "shufflenet_v2_x0_5"


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


@pytest.fixture
def theirs():
    torch.manual_seed(7)
    return models.get_model(TINY, weights=None)


CLASSES = ("ant", "bee", "cat", "dog", "emu")


def load(path, name=TINY, classes=CLASSES, image_size=None):
    """Return a network with the weights in a file, and the events."""
    row = find_backbone(name)
    model = build_model(name, len(classes), image_size or row.image_size, 0.1)
    return model, list(load_pretrained(model, row, str(path), classes))


def load_state(model, state, path):
    """Load tensors of a file of another program; return the unexpected and the missing keys."""
    return load_matching(model, to_own_names(model, state), path)


def assert_same_backbone(model, theirs):
    own = model.backbone.state_dict()
    assert all(torch.equal(own[name], value) for name, value in theirs.state_dict().items() if name in own)


def torchvision_state(name):
    """Return the state dict of torchvision's network on the meta device."""
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name.startswith("vit"):
        options = {"image_size": BACKBONES[name].image_size}
    if name.startswith("regnet"):
        return models.get_model(name, weights=None, **options).to("meta").state_dict()
    with torch.device("meta"):
        return models.get_model(name, weights=None, **options).state_dict()


@pytest.mark.parametrize("name", ["mobilenet_v2", "squeezenet1_1"])
def test_real_half_precision_files_fill_the_whole_backbone(name):
    path = shared_file("weights", f"{name}.pth")
    model, events = load(path, name)
    state = torch.load(path, weights_only=True)
    own = model.backbone.state_dict()
    assert events == []
    assert all(value.dtype != torch.float16 for value in own.values())
    assert all(torch.equal(value, state[key].to(value.dtype)) for key, value in own.items())


def test_squeezenets_convolution_becomes_the_head_of_the_classes_that_the_file_names(tmp_path):
    theirs = models.squeezenet1_1(weights=None, num_classes=5)
    torch.save({"state_dict": theirs.state_dict(), "classes": list(CLASSES)}, tmp_path / "weights.pth")
    model, _ = load(tmp_path / "weights.pth", "squeezenet1_1")
    assert torch.equal(model.head.weight, theirs.classifier[1].weight.flatten(1))


def assert_everything_fits(name, tmp_path):
    model = make_meta_model(name, num_classes=1000)
    state = torchvision_state(name)
    unexpected_keys, missing_keys = load_state(model, state, tmp_path / "weights.pth")
    assert (unexpected_keys, missing_keys) == ([], [])


@pytest.mark.parametrize("name", [name for name in SMALL if name != "se_resnet"])
def test_the_weights_of_each_family_match(name, tmp_path):
    assert_everything_fits(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGENET)
def test_the_weights_of_every_backbone_match(name, tmp_path):
    assert_everything_fits(name, tmp_path)


def test_a_head_for_other_classes_is_ignored_without_a_warning(theirs, tmp_path):
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    torch.manual_seed(0)
    initial = build_model(TINY, 5, 64, 0.1).head.weight.clone()
    torch.manual_seed(0)
    model, events = load(tmp_path / "weights.pth")
    assert events == []
    assert torch.equal(initial, model.head.weight)
    assert_same_backbone(model, theirs)


def test_a_head_is_never_taken_over_by_number(tmp_path):
    theirs = models.get_model(TINY, weights=None, num_classes=5)
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    torch.manual_seed(0)
    initial = build_model(TINY, 5, 64, 0.1).head.weight.clone()
    torch.manual_seed(0)
    model, events = load(tmp_path / "weights.pth")
    assert events == []
    assert torch.equal(initial, model.head.weight)
    assert_same_backbone(model, theirs)


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


@pytest.fixture
def own(tmp_path):
    """Return a model of this program for CLASSES, and its file."""
    torch.manual_seed(7)
    model = build_model("se_resnet", 5, 32, 0.1)
    config = RunConfig().changed("model", backbone="se_resnet")
    preprocessing = Preprocessing(32, "crop", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    metadata = make_metadata(config, CLASSES, preprocessing, torch.float32, None, None)
    save_model(tmp_path / "model.safetensors", model, metadata, torch.ones(3, 512).half())
    return model, tmp_path / "model.safetensors"


def test_a_model_of_this_program_fills_the_whole_network(own):
    saved, path = own
    model, events = load(path, "se_resnet")
    assert events == []
    assert torch.equal(flatten_all(model.parameters()), flatten_all(saved.parameters()))


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


def test_a_model_of_another_backbone_is_rejected_by_its_name(own):
    with pytest.raises(EngineError, match="has the backbone se_resnet"):
        load(own[1])


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
