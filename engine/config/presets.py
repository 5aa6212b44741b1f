"""Settings chosen for a dataset and this machine, for people who press Train at once."""

import os
from pathlib import Path

from engine.config.backbones import Backbone, find_backbone
from engine.config.settings import RunConfig
from engine.data.dataset import Dataset

PRETRAINED_BACKBONE = "mobilenet_v2"
"""Small, quick on a CPU and well known to the pitfalls of every device."""

MIN_BUDGET_SECONDS, MAX_BUDGET_SECONDS = 60, 600
"""Time budget from start weights: a first score comes in seconds, and whoever is content stops."""

SCRATCH_STEPS = 600
"""Steps after which a small network trained from scratch has learnt most of what it will on a small dataset."""
SCRATCH_BATCH, SCRATCH_LR = 16, 5e-3
"""Small steps and many of them: on the sample data a batch of 32 learnt half as much in the same time."""


def weights_folder() -> Path:
    """Return where downloaded weights are kept: torch's own cache, so that none is fetched twice."""
    cache = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "torch"
    return Path(cache) / "hub" / "checkpoints"


def is_downloaded(backbone: Backbone) -> bool:
    """Say whether the ImageNet weights of `backbone` are on this machine."""
    return bool(backbone.weights_file) and (weights_folder() / backbone.weights_file).is_file()


def suggest_config(dataset: Dataset) -> RunConfig:
    """Return settings for `dataset`: from ImageNet weights where they are on this machine, else from scratch.

    Nothing is ever downloaded by default.
    """
    num_train = max(1, len(dataset.of_split("train")))
    if is_downloaded(find_backbone(PRETRAINED_BACKBONE)):
        seconds = min(MAX_BUDGET_SECONDS, max(MIN_BUDGET_SECONDS, num_train // 4))
        config = RunConfig().changed("model", backbone=PRETRAINED_BACKBONE, weights="default")
        return config.changed("training", budget=f"{seconds}s")
    epochs = min(40, max(10, round(SCRATCH_STEPS * SCRATCH_BATCH / num_train)))
    return _from_scratch(epochs)


def demo_config() -> RunConfig:
    """Return the settings for the sample data set: its images are small, and look the same upside down."""
    config = _from_scratch(epochs=20).changed("data", image_size=64)
    return config.changed("augment", vertical_flip=0.5, crop_scale=0.7)


def _from_scratch(epochs: int) -> RunConfig:
    return RunConfig().changed("training", epochs=epochs, batch_size=SCRATCH_BATCH).changed("optim", lr=SCRATCH_LR)
