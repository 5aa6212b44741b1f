"""Load pretrained weights in tests, and compare them with those of torchvision."""

import torch
from torchvision import models

from engine.config.backbones import BACKBONES, find_backbone
from engine.ml.models.build import build_model
from engine.ml.models.pretrained import load_matching, load_pretrained
from engine.ml.models.weight_names import to_own_names

TINY = "shufflenet_v2_x0_5"


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
    """Fail if a tensor of the backbone differs from that of torchvision."""
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
